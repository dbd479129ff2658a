//! Our parent, Node's child.

use std::error::Error as _;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use node_channel::{Child, Error, Signal, fork};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::common::{BRIEFLY, node, run};

/// A Node child that sends every message back.
const ECHO: &str = "process.on('message', message => process.send(message));";

/// The same, and it says when it is ready.
const UP_AND_ECHO: &str = "process.on('message', message => process.send(message)); process.send('up')";

/// Runs `test` with a child that runs `script`, when Node is there.
fn with_node(script: &str, test: impl AsyncFnOnce(Child)) {
    let Some(command) = node(script) else { return };
    run(async { test(fork(command).unwrap()).await });
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Has a conversation with `child`, line by line:
///
/// - `> 1`: we send this message; `> 1 -- why` if that is an error.
/// - `> SIGTERM`: we send this signal. `> disconnect`: we disconnect.
/// - `exit status: 0`: we wait for the process, and this is how it ended.
/// - Everything else is what we receive: a message as JSON, an error as its line, or `the end`.
///
/// A line that ends with `…` says only how it begins.
async fn talk(child: &mut Child, lines: &[&str]) {
    for (number, line) in lines.iter().enumerate() {
        let came = match line.strip_prefix("> ").map(|sent| sent.split(" -- ").next().unwrap_or_default()) {
            Some(sent) => say(child, sent).await,
            None if line.starts_with("exit status") || line.starts_with("signal") => {
                child.wait().await.unwrap().to_string()
            }
            None => match child.recv::<Value>().await {
                Ok(Some(message)) => message.to_string(),
                Ok(None) => "the end".to_owned(),
                Err(error) => {
                    assert_eq!(error.is_fatal(), !matches!(error, Error::WrongShape { .. }), "{error:?}");
                    error.to_string()
                }
            },
        };
        match line.strip_suffix('…') {
            Some(beginning) => assert!(came.starts_with(beginning), "line {number}: {line}, but {came}"),
            None => assert_eq!(came, *line, "line {number}"),
        }
        let over = ["> disconnect", "the end"].contains(line) || line.contains("is closed");
        assert!(!over || !child.connected(), "line {number}: {line}");
    }
}

/// Does what stands after `> `, and gives that line as it should have been.
async fn say(child: &mut Child, words: &str) -> String {
    let mut signals = [Signal::SIGSTOP, Signal::SIGCONT, Signal::SIGTERM, Signal::SIGKILL].into_iter();
    let error = if words == "disconnect" {
        child.disconnect().await.err().map(|error| error.to_string())
    } else if let Some(signal) = signals.find(|signal| format!("{signal:?}") == words) {
        child.kill(signal).err().map(|error| error.to_string())
    } else {
        let message: Value = serde_json::from_str(words).unwrap();
        let error = child.send(&message).await.err();
        let gone = matches!(error, Some(Error::Disconnected));
        assert!(error.as_ref().is_none_or(|error| error.is_fatal() == gone), "{error:?}");
        error.map(|error| error.to_string())
    };
    format!("> {words}{}", error.map_or_else(String::new, |error| format!(" -- {error}")))
}

/// Forks `command` and has a conversation with it.
fn converse(command: Command, lines: &[&str]) {
    run(async { talk(&mut fork(command).unwrap(), lines).await });
}

/// Each is the script of a Node child, and the conversation that we have with it.
macro_rules! conversations {
    ($($(#[$attribute:meta])* $name:ident: $script:expr, [$($line:expr),* $(,)?];)*) => { $(
        #[test]
        $(#[$attribute])*
        fn $name() {
            let Some(command) = node(&$script) else { return };
            converse(command, &[$($line),*]);
        }
    )* };
}

conversations! {
    #[cfg(target_os = "linux")]
    b35_our_end_is_closed_on_exec_and_theirs_is_not:
        "process.send(require('fs').readdirSync('/proc/self/fd').filter(fd => {
            try { return require('fs').readlinkSync('/proc/self/fd/' + fd).startsWith('socket:') } catch {}
        }).length); process.on('message', () => {})",
        ["1", "> disconnect", "exit status: 0"]; // The only socket is the channel.

    b42_news_of_a_cluster_worker_is_ignored:
        "process.send({cmd: 'NODE_CLUSTER', act: 'online', seq: 0}); process.send('after')",
        [r#""after""#];

    b08_everything_that_json_has_is_a_message:
        ECHO,
        [
            r#"> "text""#, r#""text""#, "> 0", "0", "> -1.5", "-1.5", "> true", "true", "> null", "null", "> []", "[]",
            "> {}", "{}", r#"> [[1],{"a":2}]"#, r#"[[1],{"a":2}]"#, "> disconnect", "exit status: 0",
        ];

    b09_all_text_passes_and_a_lone_surrogate_is_replaced:
        "process.send('a\\ud800b'); process.send('\\udc00');".to_owned() + ECHO,
        [
            "\"a\u{fffd}b\"", "\"\u{fffd}\"",
            "> \"\\\" \\\\ / \\u0000 \\u001f \\n \\r \\t \u{7f} \u{85} \u{2028} \u{2029} \u{feff} Grüße 📨\"",
            "\"\\\" \\\\ / \\u0000 \\u001f \\n \\r \\t \u{7f} \u{85} \u{2028} \u{2029} \u{feff} Grüße 📨\"",
        ];

    b10_what_json_lacks_arrives_as_node_writes_it:
        "process.send([undefined, NaN, -Infinity, -0, new Date(0), new Map([[1, 2]]), /x/, {u: undefined, f() {}}]);
        process.send([Buffer.from('A'), {toJSON: () => 'own'}]);".to_owned() + ECHO,
        [
            r#"[null,null,null,0,"1970-01-01T00:00:00.000Z",{},{},{}]"#,
            r#"[{"data":[65],"type":"Buffer"},"own"]"#,
            "> 9007199254740993", "9007199254740992", // JavaScript has only doubles.
        ];

    b46_a_message_whose_to_json_gives_undefined_is_no_json:
        "process.send(1); process.send({toJSON() {}})",
        ["1", "invalid JSON at byte 0 of the message: expected value, near `undefined`", "the end"];

    b17_a_document_that_is_too_deep_is_an_error_and_the_channel_goes_on:
        "let deep = 1; for (let i = 0; i < 1000; i++) deep = [deep]; process.send(deep); process.send('after')",
        ["unexpected message, at byte 127: recursion limit exceeded", r#""after""#];

    b19_messages_wait_until_somebody_asks_for_them:
        "for (let i = 0; i < 3; i++) process.send(i)",
        ["exit status: 0", "0", "1", "2", "the end"];

    b53_a_message_that_was_sent_may_still_be_lost:
        ECHO,
        [
            r#"> "first""#, r#""first""#, "> SIGSTOP", r#"> "sent, never received""#, r#"> "and another one""#,
            "> SIGKILL", "signal: 9 (SIGKILL)", "the end",
        ];

    b54_a_node_child_that_exits_at_once_cuts_its_last_message:
        "process.send('x'.repeat(10 << 20)); process.exit()",
        ["exit status: 0", "the channel ended in the middle of a message, …", "the end"];

    b26_b61_after_disconnect_sending_is_an_error_and_disconnecting_again_is_nothing:
        ECHO,
        ["> disconnect", "> 1 -- the channel is closed", "> disconnect", "exit status: 0"];

    b32_sending_to_a_child_that_has_gone_is_an_error_even_before_its_end_is_read:
        "process.exit(0)",
        ["exit status: 0", r#"> "anybody there?" -- the channel is closed"#, "the end"];

    b55_a_child_that_closes_with_our_messages_unread_has_simply_ended:
        UP_AND_ECHO,
        [r#""up""#, "> SIGSTOP", r#"> "unread""#, "> SIGKILL", "the end", "the end"];

    b20_internal_messages_never_reach_the_program:
        "for (const message of [
            {cmd: 'NODE_X'}, {cmd: 'NODE_HANDLE_ACK_BUT_OTHER'}, {n: 1, cmd: 'NODE_CLUSTER'},
            {cmd: 'NODE_'}, {cmd: 'node_x'}, {cmd: 5}, [{cmd: 'NODE_x'}], {msg: {cmd: 'NODE_x'}},
        ]) process.send(message)",
        [
            r#"{"cmd":"NODE_"}"#, r#"{"cmd":"node_x"}"#, r#"{"cmd":5}"#, r#"[{"cmd":"NODE_x"}]"#,
            r#"{"msg":{"cmd":"NODE_x"}}"#, "the end",
        ];

    b59_a_message_that_looks_internal_is_not_sent:
        ECHO,
        [
            r#"> {"cmd":"NODE_X"} -- a message whose `cmd` begins with NODE_ is reserved for Node itself"#,
            r#"> {"cmd":"NODE_HANDLE"} -- a message whose `cmd` begins with NODE_ is reserved for Node itself"#,
            r#"> {"cmd":"NODE_"}"#, r#"{"cmd":"NODE_"}"#, "> disconnect", "exit status: 0",
        ];

    b21_b22_b58_a_server_from_a_node_child_is_answered_and_the_messages_behind_it_come:
        "const server = require('net').createServer().listen(0, '127.0.0.1', () => {
            for (let i = 0; i < 5; i++) { process.send({handle: i}, server); process.send(i) }
        });
        process.on('message', () => { server.close(); process.disconnect() })",
        ["0", "1", "2", "3", "4", r#"> "done""#, "the end", "exit status: 0"];

    b27_messages_come_before_the_end_and_the_exit_code_after_it:
        "process.send('last words', () => process.exit(3))",
        [r#""last words""#, "the end", "exit status: 3", "exit status: 3"]; // It can be asked again.

    b28_b33_a_child_that_is_killed_is_told_apart_by_its_signal:
        ECHO,
        [
            "> SIGKILL", "the end", "signal: 9 (SIGKILL)", "> SIGTERM -- No such process (os error 3)",
        ];

    b33_a_signal_that_was_sent_has_not_ended_the_child:
        "process.on('SIGTERM', () => process.send('not yet'));".to_owned() + UP_AND_ECHO,
        [
            r#""up""#, "> SIGTERM", r#""not yet""#, r#"> "alive""#, r#""alive""#, "> disconnect", "exit status: 0",
        ];
}

#[test]
fn b01_the_child_is_told_the_number_of_its_end() {
    run(async {
        let script = r#"echo "[$NODE_CHANNEL_FD, \"$NODE_CHANNEL_SERIALIZATION_MODE\", $$]" >&3"#;
        let mut child = fork(shell(script)).unwrap();
        assert_eq!(child.recv().await.unwrap(), Some(json!([3, "json", child.id()])));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn b36_the_child_starts_with_no_signal_blocked_and_in_our_process_group() {
    run(async {
        let script = r#"sed -n 's/^Sig\(Blk\|Ign\):\s*\(.*\)/"\2"/p' /proc/self/status >&3; read line <&3"#;
        let mut child = fork(shell(script)).unwrap();
        let mut mask = async || {
            let digits: String = child.recv().await.unwrap().unwrap();
            u64::from_str_radix(&digits, 16).unwrap()
        };
        assert_eq!(mask().await, 0, "no signal is blocked");
        // Rust programs ignore SIGPIPE, their children must not. (Others may be ignored by the user's wish.)
        assert_eq!(mask().await & (1 << (nix::libc::SIGPIPE - 1)), 0);
        let group = |id| support::process::info(id).unwrap().group;
        assert_eq!(group(child.id()), group(std::process::id()), "Ctrl-C reaches both");
    });
}

#[test]
fn b03_arguments_are_passed_on_as_they_are() {
    let Some(mut command) = node("process.send(process.argv.slice(1))") else { return };
    command.args(["--", "no/such/module", "--flag", "two words"]);
    converse(command, &[r#"["no/such/module","--flag","two words"]"#]);
}

#[test]
fn b51_a_parent_that_waits_for_the_answers_gets_those_of_a_module_too() {
    let Some(mut command) = node(ECHO) else { return };
    command.arg("--input-type=module"); // It listens late.
    converse(command, &["> 1", "> [2]", "> 3", "1", "[2]", "3", "> disconnect", "exit status: 0"]);
}

#[test]
fn b37_a_leaked_descriptor_delays_the_end_of_the_channel_but_not_the_exit() {
    run(async {
        let mut child = fork(shell("sleep 1000 & echo $! >&3")).unwrap();
        let grandchild = child.recv::<u32>().await.unwrap().unwrap();
        assert!(child.wait().await.unwrap().success());
        let early = tokio::time::timeout(BRIEFLY, child.recv::<Value>()).await;
        assert!(early.is_err(), "the grandchild has the channel open: {early:?}");
        support::process::signal(grandchild, support::Signal::SIGKILL);
        talk(&mut child, &["the end"]).await;
    });
}

#[test]
fn b38_b39_each_child_sees_its_own_end_while_another_one_lives() {
    with_node(ECHO, async |mut first| {
        let mut second = fork(node(ECHO).unwrap()).unwrap();
        for child in [&mut first, &mut second] {
            talk(child, &["> 1", "1"]).await;
        }
        talk(&mut first, &["> disconnect", "exit status: 0"]).await;
        talk(&mut second, &["> SIGKILL", "the end"]).await;
    });
}

#[test]
fn b41_b42_what_node_would_misread_is_replaced_or_removed() {
    let Some(mut command) = node("process.send(process.env.NODE_UNIQUE_ID ?? 'none')") else { return };
    command.env("NODE_CHANNEL_FD", "77").env("NODE_CHANNEL_SERIALIZATION_MODE", "advanced");
    command.env("NODE_UNIQUE_ID", "1");
    converse(command, &[r#""none""#]);
}

#[test]
fn b43_a_program_that_does_not_exist_is_an_error_of_fork() {
    run(async {
        // Its name may be any bytes.
        let error = fork(Command::new(std::ffi::OsStr::from_bytes(b"/no/such/\xff"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot start /no/such/\u{fffd}: No such file or directory (os error 2)"
        );
        assert!(error.is_fatal() && error.source().is_some());
    });
}

/// Runs `command` as a child, has `test` talk to it, and gives what it printed on stdout up to its end.
fn stdout_of(mut command: Command, test: impl AsyncFnOnce(&mut Child)) -> String {
    let mut stdout = String::new();
    run(async {
        command.stdout(Stdio::piped());
        let mut child = fork(command).unwrap();
        test(&mut child).await;
        let mut pipe = child.process().as_tokio().stdout.take().unwrap();
        pipe.read_to_string(&mut stdout).await.unwrap();
    });
    stdout
}

#[test]
fn b34_stdout_and_the_channel_do_not_mix() {
    let Some(command) = node("console.log('a log line'); process.send('a message')") else { return };
    let stdout = stdout_of(command, async |child| talk(child, &[r#""a message""#]).await);
    assert_eq!(stdout, "a log line\n");
}

#[test]
fn b24_b51_a_parent_that_disconnects_at_once_has_sent_everything() {
    let script = "let all = 0; process.on('message', text => all += text.length);
        process.on('disconnect', () => console.log(all))";
    let Some(command) = node(script) else { return };
    let stdout = stdout_of(command, async |child| {
        for _ in 0..3 {
            child.send(&"x".repeat(3 << 20)).await.unwrap();
        }
        child.channel().feed("and one that is only fed").await.unwrap();
        child.disconnect().await.unwrap();
    });
    assert_eq!(stdout.trim(), (3 * (3 << 20) + 24).to_string());
}

#[test]
fn b10_b45_what_cannot_be_written_is_null_or_an_error_and_the_channel_goes_on() {
    with_node(ECHO, async |mut child| {
        let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
        let error = child.send(&unwritable).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot write the message as JSON: key must be a string");
        assert!(!error.is_fatal() && error.source().is_some());
        child.send(&[f64::NAN, f64::INFINITY]).await.unwrap();
        talk(&mut child, &["[null,null]", "> disconnect", "exit status: 0"]).await;
    });
}

#[test]
fn b11_frames_may_come_in_pieces_cut_inside_a_character() {
    // Each piece waits for a message, so each is read on its own.
    let script = r#"const bytes = Buffer.from('{"text":"Grüße 📨"}\n[1,2]\n"last"\n');
        let at = 0;
        process.on('message', count => {
            require('fs').writeSync(3, bytes.subarray(at, at += count));
            if (at >= bytes.length) process.disconnect();
        })"#;
    with_node(script, async |mut child| {
        let mut received = Vec::new();
        // After 12 and 19 bytes it is in the middle of a character. Between the pieces, `recv` is tried and dropped.
        for count in [12, 7, 1, 5, 100] {
            child.send(&count).await.unwrap();
            while let Ok(Ok(Some(message))) = tokio::time::timeout(BRIEFLY, child.recv::<Value>()).await {
                received.push(message);
            }
        }
        while let Some(message) = child.recv::<Value>().await.unwrap() {
            received.push(message);
        }
        assert_eq!(received, [json!({"text": "Grüße 📨"}), json!([1, 2]), json!("last")]);
    });
}

#[test]
fn b12_a_message_over_the_limit_is_an_error_that_names_it() {
    with_node("process.send('small'); process.send('x'.repeat(100000))", async |mut child| {
        child.channel().set_max_frame_bytes(1000);
        let error = "a message is larger than the limit of 1000 bytes";
        talk(&mut child, &[r#""small""#, error, "the end", "> 1 -- the channel is closed"]).await;
    });
}

#[test]
fn b18_messages_keep_their_order_whatever_their_sizes() {
    with_node(ECHO, async |child| {
        let (mut sender, mut receiver, _process) = child.split();
        let size = |number: usize| [0, 10, 300_000, 1, 70_000][number % 5];
        let sending = async {
            for number in 0..100 {
                sender.feed(&(number, "x".repeat(size(number)))).await.unwrap();
            }
            sender.flush().await.unwrap();
        };
        let receiving = async {
            for number in 0..100 {
                let (came, text): (usize, String) = receiver.recv().await.unwrap().unwrap();
                assert_eq!((came, text.len()), (number, size(number)));
            }
        };
        tokio::join!(sending, receiving);
    });
}

#[test]
fn b31_send_waits_for_a_child_that_never_reads_and_memory_is_bounded() {
    let script = "process.send('up'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)";
    with_node(script, async |mut child| {
        talk(&mut child, &[r#""up""#]).await;
        let message = "x".repeat(1000);
        let mut taken = 0;
        let endless = async {
            loop {
                child.channel().feed(&message).await.unwrap();
                taken += 1;
            }
        };
        tokio::time::timeout(BRIEFLY, endless).await.unwrap_err();
        assert!(taken < 1000, "{taken} messages of 1 kB were taken");
        child.kill(Signal::SIGKILL).unwrap();
    });
}

#[test]
fn b12_b56_both_sides_may_write_a_lot_before_they_read() {
    with_node(ECHO, async |mut child| {
        let message = "x".repeat(8 << 20);
        for _ in 0..2 {
            child.send(&message).await.unwrap();
        }
        for _ in 0..2 {
            assert!(child.recv::<String>().await.unwrap().unwrap() == message);
        }
        talk(&mut child, &["> disconnect", "exit status: 0"]).await;
    });
}

#[test]
fn b60_a_send_that_is_dropped_half_way_never_leaves_half_a_frame() {
    with_node("process.on('message', text => process.send(text.length))", async |mut child| {
        talk(&mut child, &[r#"> "up""#, "2", "> SIGSTOP"]).await;
        let large = "x".repeat(1 << 20);
        tokio::time::timeout(BRIEFLY, child.send(&large)).await.unwrap_err();
        // What was begun is finished.
        talk(&mut child, &["> SIGCONT", r#"> "next""#, "1048576", "4", "> disconnect", "exit status: 0"])
            .await;
    });
}

#[test]
fn b25_a_node_child_ends_when_its_parent_drops_the_channel() {
    with_node(UP_AND_ECHO, async |mut child| {
        talk(&mut child, &[r#""up""#]).await;
        let (channel, mut process) = child.into_parts();
        drop(channel);
        assert_eq!(process.wait().await.unwrap().code(), Some(0));
    });
}

#[test]
fn b29_a_child_that_disconnects_has_not_ended() {
    with_node("process.disconnect(); setInterval(() => {}, 1000)", async |mut child| {
        talk(&mut child, &["the end", "> 1 -- the channel is closed"]).await;
        let early = tokio::time::timeout(BRIEFLY, child.wait()).await;
        assert!(early.is_err(), "it lives on: {early:?}");
        talk(&mut child, &["> SIGTERM", "signal: 15 (SIGTERM)"]).await;
    });
}

#[test]
fn b63_an_uncaught_error_is_status_1_and_an_abort_a_signal() {
    let failures = [
        ("process.on('message', () => { throw new Error('on purpose') })", "exit status: 1"),
        ("process.on('message', async () => { throw new Error('on purpose') })", "exit status: 1"),
        ("process.on('message', () => process.abort())", "signal: 6 (SIGABRT)…"),
    ];
    for (script, end) in failures {
        let Some(mut command) = node(script) else { return };
        command.stderr(Stdio::null());
        converse(command, &["> 1", "the end", end]);
    }
}
