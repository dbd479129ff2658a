//! Our parent, Node's child.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use node_channel::{Child, Error, Signal, fork};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::common::{BRIEFLY, assert_invalid_at, node, node_is_missing, run, within};

/// A Node child that sends every message back.
const ECHO: &str = "process.on('message', message => process.send(message))";

/// A Node child that waits for a message before it writes `bytes` (a JavaScript expression) to the channel.
fn writes(bytes: &str) -> String {
    format!("process.once('message', () => {{ require('fs').writeSync(3, {bytes}) }})")
}

async fn next(child: &mut Child) -> Value {
    within("a message", child.recv()).await.unwrap().expect("a message, not the end")
}

async fn ends(child: &mut Child) {
    let end = within("the end of the channel", child.recv::<Value>()).await.unwrap();
    assert_eq!(end, None);
}

/// Disconnects and expects a clean exit.
async fn part(mut child: Child) {
    child.disconnect().await.unwrap();
    assert!(within("the exit", child.wait()).await.unwrap().success());
}

/// Runs `test` with a child that runs `script`, when Node is there.
fn with_node(script: &str, test: impl AsyncFnOnce(Child)) {
    if !node_is_missing() {
        run(async { test(fork(node(script)).unwrap()).await });
    }
}

#[test]
fn b01_the_child_is_told_the_number_of_its_end() {
    run(async {
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo "[$NODE_CHANNEL_FD, \"$NODE_CHANNEL_SERIALIZATION_MODE\", $$]" >&3"#]);
        let mut child = fork(command).unwrap();
        assert_eq!(next(&mut child).await, json!([3, "json", child.id()]));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn b35_our_end_is_closed_on_exec_and_theirs_is_not() {
    with_node(
        "process.send(require('fs').readdirSync('/proc/self/fd').filter(fd => {
            try { return require('fs').readlinkSync('/proc/self/fd/' + fd).startsWith('socket:') } catch {}
         }).length); process.on('message', () => {})",
        async |mut child| {
            assert_eq!(next(&mut child).await, json!(1), "the only socket is the channel");
            part(child).await;
        },
    );
}

#[test]
#[cfg(target_os = "linux")]
fn b36_the_child_starts_with_no_signal_blocked_and_in_our_process_group() {
    run(async {
        let mut command = Command::new("sh");
        let script = r#"sed -n 's/^Sig\(Blk\|Ign\):\s*\(.*\)/"\2"/p' /proc/self/status >&3; read line <&3"#;
        command.args(["-c", script]);
        let mut child = fork(command).unwrap();
        let mut mask = async || {
            let digits: String = child.recv().await.unwrap().unwrap();
            u64::from_str_radix(&digits, 16).unwrap()
        };
        assert_eq!(mask().await, 0, "no signal is blocked");
        // Rust programs ignore SIGPIPE, their children must not. (Others may be ignored by the user's wish.)
        assert_eq!(mask().await & (1 << (nix::libc::SIGPIPE - 1)), 0);
        let group = |id| nix::unistd::getpgid(id).unwrap();
        let id = nix::unistd::Pid::from_raw(child.id() as i32);
        assert_eq!(group(Some(id)), group(None), "Ctrl-C reaches both");
    });
}

#[test]
fn b03_arguments_are_passed_on_as_they_are() {
    if node_is_missing() {
        return;
    }
    run(async {
        let mut command = node("process.send(process.argv.slice(1))");
        command.args(["--", "no/such/module", "--flag", "two words"]);
        let mut child = fork(command).unwrap();
        assert_eq!(next(&mut child).await, json!(["no/such/module", "--flag", "two words"]));
    });
}

#[test]
fn b37_a_leaked_descriptor_delays_the_end_of_the_channel_but_not_the_exit() {
    run(async {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $! >&3"]);
        let mut child = fork(command).unwrap();
        let grandchild = next(&mut child).await.as_i64().unwrap();
        assert!(within("the exit", child.wait()).await.unwrap().success());
        let early = tokio::time::timeout(BRIEFLY, child.recv::<Value>()).await;
        assert!(early.is_err(), "the grandchild has the channel open: {early:?}");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(grandchild as i32), nix::sys::signal::SIGKILL)
            .unwrap();
        ends(&mut child).await;
    });
}

#[test]
fn b38_b39_each_child_sees_its_own_end_while_another_one_lives() {
    if node_is_missing() {
        return;
    }
    run(async {
        let (mut first, mut second) = (fork(node(ECHO)).unwrap(), fork(node(ECHO)).unwrap());
        for child in [&mut first, &mut second] {
            child.send(&1).await.unwrap();
            assert_eq!(next(child).await, json!(1));
        }
        part(first).await;
        second.kill(Signal::SIGKILL).unwrap();
        ends(&mut second).await;
    });
}

#[test]
fn b41_b42_what_node_would_misread_is_replaced_or_removed() {
    if node_is_missing() {
        return;
    }
    run(async {
        let mut command = node("process.send(process.env.NODE_UNIQUE_ID ?? 'none')");
        command.env("NODE_CHANNEL_FD", "77").env("NODE_CHANNEL_SERIALIZATION_MODE", "advanced");
        command.env("NODE_UNIQUE_ID", "1");
        let mut child = fork(command).unwrap();
        assert_eq!(next(&mut child).await, json!("none"));
    });
}

#[test]
fn b42_news_of_a_cluster_worker_is_ignored() {
    with_node(
        "process.send({cmd: 'NODE_CLUSTER', act: 'online', seq: 0}); process.send('after')",
        async |mut child| {
            assert_eq!(next(&mut child).await, json!("after"));
        },
    );
}

#[test]
fn b43_a_program_that_does_not_exist_is_an_error_of_fork() {
    run(async {
        let error = fork(Command::new("/no/such/program")).unwrap_err();
        assert!(matches!(&error, Error::Spawn { program, .. } if program == "/no/such/program"));
        assert_eq!(
            error.to_string(),
            "cannot start /no/such/program: No such file or directory (os error 2)"
        );
    });
}

#[test]
fn b34_stdout_and_the_channel_do_not_mix() {
    if node_is_missing() {
        return;
    }
    run(async {
        let mut command = node("console.log('a log line'); process.send('a message')");
        command.stdout(Stdio::piped());
        let mut child = fork(command).unwrap();
        assert_eq!(next(&mut child).await, json!("a message"));
        let mut stdout = String::new();
        let mut pipe = child.process().as_tokio().stdout.take().unwrap();
        within("the end of stdout", pipe.read_to_string(&mut stdout)).await.unwrap();
        assert_eq!(stdout, "a log line\n");
    });
}

#[test]
fn b08_everything_that_json_has_is_a_message() {
    with_node(ECHO, async |mut child| {
        for message in [
            json!("text"),
            json!(0),
            json!(-1.5),
            json!(true),
            json!(null),
            json!([]),
            json!({}),
            json!([[1], {"a": 2}]),
        ] {
            child.send(&message).await.unwrap();
            assert_eq!(next(&mut child).await, message);
        }
        part(child).await;
    });
}

#[test]
fn b09_all_text_passes_and_a_lone_surrogate_is_replaced() {
    let lone = "process.send('a\\ud800b'); process.send('\\udc00');";
    with_node(&(lone.to_owned() + ECHO), async |mut child| {
        assert_eq!(next(&mut child).await, json!("a\u{fffd}b"));
        assert_eq!(next(&mut child).await, json!("\u{fffd}"));
        let text = "\" \\ / \u{0} \u{1f} \n \r \t \u{7f} \u{85} \u{2028} \u{2029} \u{feff} Grüße 📨";
        child.send(text).await.unwrap();
        assert_eq!(next(&mut child).await, json!(text));
        part(child).await;
    });
}

#[test]
fn b10_what_json_lacks_arrives_as_node_writes_it() {
    let script = "process.send({u: undefined, f() {}, list: [undefined], nan: NaN, inf: -Infinity, zero: -0,
        date: new Date(0), map: new Map([[1, 2]]), re: /x/, buffer: Buffer.from('A'), own: {toJSON: () => 'own'}});";
    with_node(&(script.to_owned() + ECHO), async |mut child| {
        let expected = json!({"list": [null], "nan": null, "inf": null, "zero": 0,
            "date": "1970-01-01T00:00:00.000Z", "map": {}, "re": {}, "buffer": {"type": "Buffer", "data": [65]},
            "own": "own"});
        assert_eq!(next(&mut child).await, expected);
        child.send(&[f64::NAN, f64::INFINITY]).await.unwrap();
        assert_eq!(next(&mut child).await, json!([null, null]));
        child.send(&9_007_199_254_740_993_u64).await.unwrap();
        assert_eq!(next(&mut child).await, json!(9_007_199_254_740_992_u64), "JavaScript has only doubles");
        part(child).await;
    });
}

#[test]
fn b45_a_message_that_cannot_be_written_leaves_the_channel_unharmed() {
    with_node(ECHO, async |mut child| {
        let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
        let error = child.send(&unwritable).await.unwrap_err();
        assert!(matches!(error, Error::Unserializable(_)) && !error.is_fatal(), "{error:?}");
        child.send("still here").await.unwrap();
        assert_eq!(next(&mut child).await, json!("still here"));
        part(child).await;
    });
}

#[test]
fn b46_a_message_whose_to_json_gives_undefined_is_no_json() {
    with_node("process.send(1); process.send({toJSON() {}})", async |mut child| {
        assert_eq!(next(&mut child).await, json!(1));
        assert_invalid_at(within("an error", child.recv::<Value>()).await, 0);
        ends(&mut child).await;
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
            while let Ok(Some(message)) =
                tokio::time::timeout(BRIEFLY, child.recv::<Value>()).await.unwrap_or(Ok(None))
            {
                received.push(message);
            }
        }
        while let Some(message) = within("the rest", child.recv::<Value>()).await.unwrap() {
            received.push(message);
        }
        assert_eq!(received, [json!({"text": "Grüße 📨"}), json!([1, 2]), json!("last")]);
    });
}

#[test]
fn b47_white_space_around_a_document_is_fine() {
    with_node(&writes(r#"' {"a":1}\t\r\n\t2 \n'"#), async |mut child| {
        child.send("go").await.unwrap();
        assert_eq!(next(&mut child).await, json!({"a": 1}));
        assert_eq!(next(&mut child).await, json!(2));
    });
}

#[test]
fn b12_a_large_message_passes_both_ways() {
    with_node(ECHO, async |mut child| {
        let message = "x".repeat(8 << 20);
        child.send(&message).await.unwrap();
        assert!(next(&mut child).await == json!(message));
        part(child).await;
    });
}

#[test]
fn b12_a_message_over_the_limit_is_an_error_that_names_it() {
    with_node("process.send('small'); process.send('x'.repeat(100000))", async |mut child| {
        child.channel().set_max_frame_bytes(1000);
        assert_eq!(next(&mut child).await, json!("small"));
        let error = within("an error", child.recv::<Value>()).await.unwrap_err();
        assert_eq!(error.to_string(), "a message is larger than the limit of 1000 bytes");
        ends(&mut child).await;
        let error = child.send("x").await.unwrap_err();
        assert!(matches!(error, Error::Disconnected), "{error:?}");
    });
}

#[test]
fn b13_an_empty_line_is_an_error() {
    with_node(&writes(r"'1\n\n2\n'"), async |mut child| {
        child.send("go").await.unwrap();
        assert_eq!(next(&mut child).await, json!(1));
        assert_invalid_at(within("an error", child.recv::<Value>()).await, 0);
        ends(&mut child).await;
    });
}

#[test]
fn b14_a_line_that_is_no_json_is_an_error_with_its_offset_after_the_frames_before_it() {
    let cases = [
        (r"'hello'", 0),
        (r#"'{"a":1'"#, 6),
        (r"'\ufeff{}'", 0),
        (r"'[NaN]'", 1),
        (r"'{} {}'", 3),
        (r#"'"a\tb"'"#, 2),
        (r"'undefined'", 0),
    ];
    if node_is_missing() {
        return;
    }
    run(async {
        for (line, offset) in cases {
            let mut child = fork(node(&writes(&format!(r"'1\n[2]\n' + {line} + '\n3\n'")))).unwrap();
            child.send("go").await.unwrap();
            assert_eq!(next(&mut child).await, json!(1));
            assert_eq!(next(&mut child).await, json!([2]));
            assert_invalid_at(within("an error", child.recv::<Value>()).await, offset);
            ends(&mut child).await;
        }
    });
}

#[test]
fn b15_a_frame_that_is_cut_off_is_reported_before_the_end() {
    let script = writes(r#"'1\n{"a":1}'"#) + "; process.once('message', () => process.disconnect())";
    with_node(&script, async |mut child| {
        child.send("go").await.unwrap();
        assert_eq!(next(&mut child).await, json!(1));
        let error = within("an error", child.recv::<Value>()).await.unwrap_err();
        assert!(matches!(error, Error::TruncatedFrame { bytes: 7 }), "{error:?}");
        ends(&mut child).await;
    });
}

#[test]
fn b16_invalid_utf8_in_a_string_is_replaced() {
    let script = writes(
        r#"Buffer.concat([Buffer.from('"a'), Buffer.from([0xff, 0xed, 0xa0, 0x80]), Buffer.from('b"\n2\n')])"#,
    );
    with_node(&script, async |mut child| {
        child.send("go").await.unwrap();
        assert_eq!(next(&mut child).await, json!("a\u{fffd}\u{fffd}\u{fffd}\u{fffd}b"));
        assert_eq!(next(&mut child).await, json!(2));
    });
}

#[test]
fn b17_a_document_that_is_too_deep_is_an_error_and_the_channel_goes_on() {
    let script = "let deep = 1; for (let i = 0; i < 1000; i++) deep = [deep]; process.send(deep); process.send('after')";
    with_node(script, async |mut child| {
        let error = within("an error", child.recv::<Value>()).await.unwrap_err();
        assert_eq!(error.to_string(), "unexpected message, at byte 127: recursion limit exceeded");
        assert_eq!(next(&mut child).await, json!("after"));
    });
}

#[test]
fn b48_duplicate_keys_and_odd_numbers() {
    let script = writes(r#"'{"a":1,"a":2,"__proto__":3}\n1e400\n-0\n1E2\n'"#);
    with_node(&script, async |mut child| {
        child.send("go").await.unwrap();
        assert_eq!(next(&mut child).await, json!({"a": 2, "__proto__": 3}));
        let error = within("an error", child.recv::<f64>()).await.unwrap_err();
        assert!(matches!(error, Error::WrongShape { .. }), "Rust has no number for it: {error:?}");
        assert_eq!(within("a number", child.recv::<f64>()).await.unwrap(), Some(-0.0));
        assert_eq!(within("a number", child.recv::<f64>()).await.unwrap(), Some(100.0));
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
        within("all messages", async { tokio::join!(sending, receiving) }).await;
    });
}

#[test]
fn b49_a_message_of_the_wrong_shape_does_not_stop_the_channel() {
    with_node("process.send(1); process.send('two'); process.send(3)", async |mut child| {
        assert_eq!(within("a number", child.recv::<u8>()).await.unwrap(), Some(1));
        let error = within("an error", child.recv::<u8>()).await.unwrap_err();
        assert!(matches!(error, Error::WrongShape { .. }) && !error.is_fatal(), "{error:?}");
        assert_eq!(within("a number", child.recv::<u8>()).await.unwrap(), Some(3));
    });
}

#[test]
fn b19_messages_wait_until_somebody_asks_for_them() {
    with_node("for (let i = 0; i < 3; i++) process.send(i)", async |mut child| {
        assert!(within("the exit", child.wait()).await.unwrap().success());
        for number in 0..3 {
            assert_eq!(next(&mut child).await, json!(number));
        }
        ends(&mut child).await;
    });
}

#[test]
fn b24_b51_a_parent_that_disconnects_at_once_has_sent_everything() {
    if node_is_missing() {
        return;
    }
    run(async {
        let script = "let all = 0; process.on('message', text => all += text.length);
            process.on('disconnect', () => console.log(all))";
        let mut command = node(script);
        command.stdout(Stdio::piped());
        let mut child = fork(command).unwrap();
        for _ in 0..3 {
            child.send(&"x".repeat(3 << 20)).await.unwrap();
        }
        child.channel().feed("and one that is only fed").await.unwrap();
        child.disconnect().await.unwrap();
        let mut stdout = String::new();
        let mut pipe = child.process().as_tokio().stdout.take().unwrap();
        within("the end of stdout", pipe.read_to_string(&mut stdout)).await.unwrap();
        assert_eq!(stdout.trim(), (3 * (3 << 20) + 24).to_string());
    });
}

#[test]
fn b51_the_program_waits_for_the_answers_of_a_child_that_listens_late() {
    if node_is_missing() {
        return;
    }
    run(async {
        let mut command = tokio::process::Command::new(crate::common::PROGRAM);
        command
            .args(["node", "--input-type=module", "-e", ECHO])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut parent = command.kill_on_drop(true).spawn().unwrap();
        let mut stdin = parent.stdin.take().unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stdin, b"1\n[2]\n\"three\"\n").await.unwrap();
        drop(stdin);
        let output = within("the end", parent.wait_with_output()).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n[2]\n\"three\"\n");
        assert!(output.status.success());
    });
}

#[test]
#[cfg(target_os = "linux")]
fn b31_send_waits_for_a_child_that_never_reads_and_memory_is_bounded() {
    let script = "process.send('up'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)";
    with_node(script, async |mut child| {
        assert_eq!(next(&mut child).await, json!("up"));
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/statm").unwrap();
            status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
        };
        let before = resident();
        let message = "x".repeat(1000);
        let mut taken = 0;
        let endless = async {
            loop {
                child.channel().feed(&message).await.unwrap();
                taken += 1;
            }
        };
        tokio::time::timeout(BRIEFLY, endless).await.unwrap_err();
        // Every try that is dropped may leave its message in the buffer, up to the same bound.
        for _ in 0..1000 {
            let _ = tokio::time::timeout(std::time::Duration::ZERO, child.send(&message)).await;
        }
        assert!(taken < 1000, "{taken} messages of 1 kB were taken");
        // Other tests run in this process; without a bound it would not be 200 MB but without end.
        assert!(resident().saturating_sub(before) < 200_000_000);
        child.kill(Signal::SIGKILL).unwrap();
    });
}

#[test]
fn b53_a_message_that_was_sent_may_still_be_lost() {
    with_node(ECHO, async |mut child| {
        child.send("first").await.unwrap();
        assert_eq!(next(&mut child).await, json!("first"));
        child.kill(Signal::SIGSTOP).unwrap();
        for _ in 0..10 {
            child.send("sent, never received").await.unwrap();
        }
        child.kill(Signal::SIGKILL).unwrap();
        within("the exit", child.wait()).await.unwrap();
        ends(&mut child).await;
    });
}

#[test]
fn b54_a_node_child_that_exits_at_once_cuts_its_last_message() {
    with_node("process.send('x'.repeat(10 << 20)); process.exit()", async |mut child| {
        within("the exit", child.wait()).await.unwrap();
        let error = within("an error", child.recv::<Value>()).await.unwrap_err();
        assert!(matches!(error, Error::TruncatedFrame { .. }), "{error:?}");
        ends(&mut child).await;
    });
}

#[test]
fn b26_b61_after_disconnect_sending_is_an_error_and_disconnecting_again_is_nothing() {
    with_node(ECHO, async |mut child| {
        assert!(child.connected());
        child.disconnect().await.unwrap();
        assert!(!child.connected());
        let error = child.send("late").await.unwrap_err();
        assert!(matches!(error, Error::Disconnected), "{error:?}");
        child.disconnect().await.unwrap();
        assert!(within("the exit", child.wait()).await.unwrap().success());
    });
}

#[test]
fn b32_sending_to_a_child_that_has_gone_is_an_error_even_before_its_end_is_read() {
    with_node("process.exit(0)", async |mut child| {
        within("the exit", child.wait()).await.unwrap();
        let error = child.send("anybody there?").await.unwrap_err();
        assert!(matches!(error, Error::Disconnected), "{error:?}");
        assert!(!child.connected());
        ends(&mut child).await;
    });
}

#[test]
fn b55_a_child_that_closes_with_our_messages_unread_has_simply_ended() {
    with_node(&format!("process.send('up'); {ECHO}"), async |mut child| {
        assert_eq!(next(&mut child).await, json!("up"));
        child.kill(Signal::SIGSTOP).unwrap();
        child.send("unread").await.unwrap();
        child.kill(Signal::SIGKILL).unwrap();
        ends(&mut child).await;
        ends(&mut child).await;
        assert!(!child.connected());
    });
}

#[test]
fn b56_both_sides_may_write_a_lot_before_they_read() {
    with_node(ECHO, async |mut child| {
        let message = "x".repeat(2 << 20);
        let sending = async {
            for _ in 0..4 {
                child.send(&message).await.unwrap();
            }
        };
        within("sending without reading", sending).await;
        for _ in 0..4 {
            assert!(next(&mut child).await == json!(message));
        }
        part(child).await;
    });
}

#[test]
fn b20_internal_messages_never_reach_the_program() {
    let script = r#"for (const message of [
            {cmd: 'NODE_X'}, {cmd: 'NODE_HANDLE_ACK_BUT_OTHER'}, {n: 1, cmd: 'NODE_CLUSTER'},
            {cmd: 'NODE_'}, {cmd: 'node_x'}, {cmd: 5}, [{cmd: 'NODE_x'}], {msg: {cmd: 'NODE_x'}},
        ]) process.send(message)"#;
    with_node(script, async |mut child| {
        for expected in [
            json!({"cmd": "NODE_"}),
            json!({"cmd": "node_x"}),
            json!({"cmd": 5}),
            json!([{"cmd": "NODE_x"}]),
            json!({"msg": {"cmd": "NODE_x"}}),
        ] {
            assert_eq!(next(&mut child).await, expected);
        }
        ends(&mut child).await;
    });
}

#[test]
fn b59_a_message_that_looks_internal_is_not_sent() {
    with_node(ECHO, async |mut child| {
        let error = child.send(&json!({"cmd": "NODE_HANDLE", "type": "net.Socket"})).await.unwrap_err();
        assert!(matches!(error, Error::ReservedCmd) && !error.is_fatal(), "{error:?}");
        child.send(&json!({"cmd": "NODE_"})).await.unwrap();
        assert_eq!(next(&mut child).await, json!({"cmd": "NODE_"}));
        part(child).await;
    });
}

#[test]
fn b21_b22_b58_a_server_from_a_node_child_is_answered_and_the_messages_behind_it_come() {
    let script = "const server = require('net').createServer().listen(0, '127.0.0.1', () => {
            for (let i = 0; i < 5; i++) { process.send({handle: i}, server); process.send(i) }
        });
        process.on('message', () => { server.close(); process.disconnect() })";
    with_node(script, async |mut child| {
        for number in 0..5 {
            assert_eq!(next(&mut child).await, json!(number));
        }
        child.send("done").await.unwrap();
        ends(&mut child).await;
        assert!(within("the exit", child.wait()).await.unwrap().success());
    });
}

#[test]
fn b60_a_send_that_is_dropped_half_way_never_leaves_half_a_frame() {
    with_node("process.on('message', text => process.send(text.length))", async |mut child| {
        child.send("up").await.unwrap();
        assert_eq!(next(&mut child).await, json!(2));
        child.kill(Signal::SIGSTOP).unwrap();
        let large = "x".repeat(1 << 20);
        tokio::time::timeout(BRIEFLY, child.send(&large)).await.unwrap_err();
        child.kill(Signal::SIGCONT).unwrap();
        child.send("next").await.unwrap();
        assert_eq!(next(&mut child).await, json!(1 << 20), "what was begun is finished");
        assert_eq!(next(&mut child).await, json!(4));
        part(child).await;
    });
}

#[test]
fn b25_a_node_child_ends_when_its_parent_drops_the_channel() {
    with_node(&format!("process.send('up'); {ECHO}"), async |mut child| {
        assert_eq!(next(&mut child).await, json!("up"));
        let (channel, mut process) = child.into_parts();
        drop(channel);
        assert_eq!(within("the exit", process.wait()).await.unwrap().code(), Some(0));
    });
}

#[test]
fn b27_messages_come_before_the_end_and_the_exit_code_after_it() {
    with_node("process.send('last words', () => process.exit(3))", async |mut child| {
        assert_eq!(next(&mut child).await, json!("last words"));
        ends(&mut child).await;
        let status = within("the exit", child.wait()).await.unwrap();
        assert_eq!((status.code(), status.signal()), (Some(3), None));
        assert_eq!(child.wait().await.unwrap(), status, "it can be asked again");
    });
}

#[test]
fn b28_b33_a_child_that_is_killed_is_told_apart_by_its_signal() {
    with_node(ECHO, async |mut child| {
        child.kill(Signal::SIGKILL).unwrap();
        ends(&mut child).await;
        let status = within("the exit", child.wait()).await.unwrap();
        assert_eq!((status.code(), status.signal()), (None, Some(9)));
        let error = child.kill(Signal::SIGTERM).unwrap_err();
        assert_eq!(
            error.raw_os_error(),
            Some(nix::errno::Errno::ESRCH as i32),
            "after the end there is no target"
        );
    });
}

#[test]
fn b33_a_signal_that_was_sent_has_not_ended_the_child() {
    let script = format!("process.on('SIGTERM', () => process.send('not yet')); process.send('up'); {ECHO}");
    with_node(&script, async |mut child| {
        assert_eq!(next(&mut child).await, json!("up"));
        child.kill(Signal::SIGTERM).unwrap();
        assert_eq!(next(&mut child).await, json!("not yet"));
        child.send("alive").await.unwrap();
        assert_eq!(next(&mut child).await, json!("alive"));
        part(child).await;
    });
}

#[test]
fn b29_a_child_that_disconnects_has_not_ended() {
    with_node("process.disconnect(); setInterval(() => {}, 1000)", async |mut child| {
        ends(&mut child).await;
        assert!(!child.connected());
        assert!(matches!(child.send(&1).await, Err(Error::Disconnected)));
        let early = tokio::time::timeout(BRIEFLY, child.wait()).await;
        assert!(early.is_err(), "it lives on: {early:?}");
        child.kill(Signal::SIGTERM).unwrap();
        assert_eq!(within("the exit", child.wait()).await.unwrap().signal(), Some(15));
    });
}

#[test]
fn b63_an_uncaught_error_is_status_1_and_an_abort_a_signal() {
    if node_is_missing() {
        return;
    }
    run(async {
        let failures = [
            ("process.on('message', () => { throw new Error('on purpose') })", Some(1), None),
            ("process.on('message', async () => { throw new Error('on purpose') })", Some(1), None),
            ("process.on('message', () => process.abort())", None, Some(6)),
        ];
        for (script, code, signal) in failures {
            let mut command = node(script);
            command.stderr(Stdio::null());
            let mut child = fork(command).unwrap();
            child.send(&1).await.unwrap();
            ends(&mut child).await;
            let status = within("the exit", child.wait()).await.unwrap();
            assert_eq!((status.code(), status.signal()), (code, signal));
        }
    });
}
