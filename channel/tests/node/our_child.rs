//! Our child, Node's parent.

use std::process::Command;

use crate::common::{PROGRAM, node, output};

/// What the scripts below have at hand.
const PRELUDE: &str = r#"
    const {fork, spawn} = require('node:child_process');
    const fs = require('node:fs');
    const peer = options => {
        const child = fork('child', [], {execPath: process.env.PEER, execArgv: [], ...options});
        child.inbox = [];
        child.on('message', message => { child.inbox.push(message.echo); child.emit('inbox') });
        return child;
    };
    const next = async child => { while (!child.inbox.length) await event(child, 'inbox'); return child.inbox.shift() };
    const ask = (child, message) => { const answer = next(child); child.send(message); return answer };
    const event = (emitter, name) => new Promise(resolve => emitter.once(name, (...values) => resolve(values)));
    const text = async stream => { let all = ''; for await (const part of stream) all += part; return all };
    // Both at once: Node 24 may report the exit before the end of stderr.
    const last = child => Promise.all([text(child.stderr), event(child, 'exit')]);
    const print = value => console.log(JSON.stringify(value));
"#;

fn node_parent(script: &str) -> Option<Command> {
    let mut command = node(&format!("{PRELUDE} (async () => {{ {script} }})()"))?;
    command.env("PEER", PROGRAM);
    Some(command)
}

/// Each is a script of a Node parent, whose `peer()` forks our child, and the lines that it prints.
macro_rules! node_parents {
    ($($(#[$attribute:meta])* $name:ident: $script:literal => [$($line:expr),* $(,)?];)*) => { $(
        #[test]
        $(#[$attribute])*
        fn $name() {
            let Some(mut parent) = node_parent($script) else { return };
            let (code, stdout, stderr) = output(&mut parent);
            assert_eq!(code, Some(0), "{stdout}{stderr}");
            assert_eq!(stdout.lines().collect::<Vec<_>>(), [$($line),*]);
        }
    )* };
}

node_parents! {
    b01_our_child_uses_the_number_that_it_is_told:
        "for (const stdio of [[0, 1, 2, 'ipc'], ['ipc', 1, 2], [0, 1, 2, 'pipe', 'pipe', 'ipc']]) {
            const child = peer({stdio});
            print(await ask(child, stdio.indexOf('ipc')));
            child.disconnect();
            print(await event(child, 'exit'));
        }"
        => ["3", "[0,null]", "0", "[0,null]", "5", "[0,null]"];

    #[cfg(target_os = "linux")]
    b04_b35_our_child_sets_close_on_exec_and_does_not_block:
        "const child = peer();
        await ask(child, 1);
        const flags = parseInt(/flags:\\s*(\\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/fdinfo/3`, 'utf8'))[1], 8);
        print([(flags & 0o2000000) !== 0, (flags & 0o4000) !== 0]);
        child.disconnect();"
        => ["[true,true]"];

    b03_nodes_own_flags_before_the_role_are_skipped:
        "const child = peer({execArgv: ['--no-warnings', '--stack-size=900']});
        print(await ask(child, 'hello'));
        child.disconnect();"
        => ["\"hello\""];

    b08_b09_b10_b48_every_message_of_a_node_parent_comes_back:
        r"const child = peer();
        for (const message of ['', 0, -0, 1.5e300, 2 ** 53, true, null, [], {}, [[{a: [1]}]], {u: undefined},
            new Date(0), Buffer.from('A'), '\u2028\u007f\u0085\0\x1f', '📨', 'a\ud800b', JSON.parse('{\x22__proto__\x22:1}')])
            print(await ask(child, message));
        child.disconnect();"
        => [
            "\"\"", "0", "0", "1.5e+300", "9007199254740992", "true", "null", "[]", "{}", "[[{\"a\":[1]}]]", "{}",
            // Our worker keeps a message in a map that sorts its keys.
            "\"1970-01-01T00:00:00.000Z\"", "{\"data\":[65],\"type\":\"Buffer\"}",
            "\"\u{2028}\u{7f}\u{85}\\u0000\\u001f\"", "\"📨\"", "\"a\u{fffd}b\"", "{\"__proto__\":1}",
        ];

    b12_b18_large_and_small_messages_come_back_in_order:
        "const child = peer();
        const sizes = Array.from({length: 60}, (_, i) => [0, 5, 300000, 70000, 1][i % 5]);
        for (const [i, size] of sizes.entries()) child.send([i, 'x'.repeat(size)]);
        child.send('x'.repeat(8 << 20));
        for (const [i, size] of sizes.entries()) {
            const [n, text] = await next(child);
            if (n !== i || text.length !== size) throw new Error(`${n} instead of ${i}`);
        }
        print((await next(child)).length);
        child.disconnect();"
        => ["8388608"];

    b17_a_message_that_is_too_deep_is_bad_input:
        "const child = peer({silent: true});
        let deep = 1; for (let i = 0; i < 1000; i++) deep = [deep];
        child.send(deep);
        (await last(child)).forEach(print);"
        => ["\"error: unexpected message, at byte 127: recursion limit exceeded\\n\"", "[2,null]"];

    // Node tries a socket again three times, each wants one answer. A second answer to any of them, or none,
    // would end this script or make it wait forever.
    b20_b22_b57_b58_handles_of_a_node_parent_are_refused_and_the_messages_behind_them_come:
        "const net = require('node:net'), dgram = require('node:dgram');
        process.on('warning', warning => print(warning.name));
        const child = peer();
        const server = net.createServer().listen(0, '127.0.0.1');
        await event(server, 'listening');
        const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1');
        await event(udp, 'listening');
        const client = net.connect(server.address().port, '127.0.0.1');
        const [socket] = await event(server, 'connection');
        const fds = () => fs.readdirSync(`/proc/${child.pid}/fd`).length;
        await ask(child, 'first');
        const before = process.platform === 'linux' ? fds() : 0;
        child.send({cmd: 'NODE_UNKNOWN'});
        for (const handle of [server, udp, server, socket]) child.send({with: 'a handle'}, handle);
        print(await ask(child, 'behind the handles'));
        if (before) print(fds() - before);
        client.destroy(); udp.close(); server.close(); child.disconnect();"
        => ["\"SentHandleNotReceivedWarning\"", "\"behind the handles\"", "0"];

    b24_a_node_parent_that_disconnects_without_flushing_is_told_apart:
        "const child = peer({silent: true});
        await ask(child, 'up');
        child.send('x'.repeat(50 << 20));
        child.disconnect();
        const [complaint, exit] = await last(child);
        print(/^error: the channel ended in the middle of a message, after \\d+ bytes of it\\n$/.test(complaint));
        print(exit);"
        => ["true", "[2,null]"];

    // It is stopped while the parent asks and leaves, so that its answers find nobody.
    b26_b32_our_child_ends_quietly_when_nobody_wants_its_answers:
        "const child = peer({silent: true});
        await ask(child, 'up');
        child.kill('SIGSTOP');
        for (let i = 0; i < 3; i++) await new Promise(sent => child.send(i, sent));
        child.disconnect();
        await event(child, 'disconnect');
        child.kill('SIGCONT');
        (await last(child)).forEach(print);"
        => ["\"\"", "[0,null]"];

    b27_b62_the_exit_of_our_child_is_seen_with_its_code:
        "const child = peer();
        print(await ask(child, 1));
        const exit = event(child, 'exit');
        child.disconnect();
        print(await exit);"
        => ["1", "[0,null]"];

    b28_b33_our_child_can_be_killed:
        "const child = peer();
        await ask(child, 1);
        const gone = Promise.all([event(child, 'disconnect'), event(child, 'exit')]);
        print(child.kill());
        print(await gone);"
        => ["true", "[[],[null,\"SIGTERM\"]]"];

    b30_our_child_does_not_keep_a_parent_alive_that_has_let_go:
        "const child = peer();
        print(await ask(child, 1));
        child.unref();
        child.channel.unref();"
        => ["1"];

    b31_b56_a_node_parent_may_write_a_lot_before_it_reads:
        "const child = peer();
        for (let i = 0; i < 8; i++) child.send('x'.repeat(2 << 20));
        let all = 0;
        for (let i = 0; i < 8; i++) all += (await next(child)).length;
        print(all);
        child.disconnect();"
        => ["16777216"];

    b42_our_child_sends_no_news_of_a_cluster:
        "const child = peer({env: {...process.env, NODE_UNIQUE_ID: '1'}});
        child.on('internalMessage', message => print(message));
        print(await ask(child, 'only this'));
        child.disconnect();"
        => ["\"only this\""];

    b64_b65_advanced_serialization_is_refused_before_the_first_byte:
        "const child = peer({serialization: 'advanced', silent: true});
        child.on('message', message => print(message));
        child.on('error', () => {}); // it may be gone before this is sent
        child.send({a: 1});
        (await last(child)).forEach(print);"
        => [
            "\"error: unsupported serialization: the parent speaks `advanced`, this program only `json`\\n\"",
            "[2,null]",
        ];
}

#[test]
fn b25_our_child_ends_when_its_parent_is_killed() {
    let script = "const child = peer(); await ask(child, 1); process.kill(process.pid, 'SIGKILL')";
    let Some(mut parent) = node_parent(script) else { return };
    // The child holds the parent's stderr. That this ends means that the child has ended.
    let (code, stdout, stderr) = output(&mut parent);
    assert_eq!((code, stdout + &stderr), (None, String::new()));
}
