//! Step 4: the parent starts a worker with a pipe for stdin and one for stdout, sends on a thread of its own while it reads
//! the replies, and waits for the worker to exit. A script is its worker, and says on stderr how far it got. What is
//! sent and what is printed are matters of later steps.

use super::*;

#[test]
fn a_worker_that_cannot_be_started_is_bad_configuration() {
    let spec = support::spec!();
    let missing = format!("{}-is-not-there", spec.word());
    let check = spec.check(format!("ran `lesson-07 {missing} argument`"));
    let finished = spec.program().args([&missing, "argument"]).stdin("{}\n").run(&check).code(2);
    finished.reports_error(&[&format!("cannot start the worker {missing:?}: ")]);
}

#[test]
fn the_worker_has_the_parents_stderr() {
    let spec = support::spec!();
    let word = spec.word();
    let check = spec.early_check(format!("a worker writes {word:?} to stderr, and ends"));
    let mut parent = parent_of(&spec, "echo \"worker: $1\" >&2", &[&word]).start();
    parent.logs(&check, &format!("worker: {word}"));
    check.as_far_as_written(|| drop(parent.finish(&check)));
}

#[test]
fn the_parent_reads_while_it_sends() {
    let spec = support::spec!();
    let did = "sent 1 MiB to the parent; its worker writes 1 MiB before the worker reads anything";
    let check = spec.early_check(did);
    let script = "printf '{\"text\":\"'; head -c $1 /dev/zero | tr '\\0' Z; printf '\"}\\n'; \
                  echo 'worker: got rid of it' >&2; head -c 1 >/dev/null; echo 'worker: goes on' >&2";
    let mut parent = parent_of(&spec, script, &[&MIB.to_string()]).start();
    parent.write_all_then_close((large_line(MIB) + &lines(&messages(&spec, 2))).into_bytes());
    check.comes(|| (sends_in_main(&parent) || !parent.logged("worker: got").is_empty()).then_some(()));
    let expected = "a main thread that reads, while `send_all` and its `todo!` run on another one";
    check.holds(expected, !sends_in_main(&parent), parent.stderr());
    parent.logs(&check, "worker: got rid of it");
    check.as_far_as_written(|| parent.logs(&check, "worker: goes on"));
}

/// Whether the `todo!` of step 5 has ended the main thread.
fn sends_in_main(parent: &Running) -> bool {
    let stderr = parent.stderr();
    let mut panics = stderr.lines().skip_while(|line| !line.starts_with("thread 'main'"));
    panics.nth(1).is_some_and(|what| what.starts_with("not yet implemented: 5"))
}

#[test]
fn the_parent_sends_before_a_reply_comes() {
    let spec = support::spec!();
    let check = spec
        .early_check("sent 3 messages to the parent; its worker waits for the first byte before it writes");
    // Where nothing is sent, which is a matter of step 5, the worker's stdin is at its end.
    let script = "head -c 1 >/dev/null; echo 'worker: goes on' >&2";
    let mut parent = parent_of(&spec, script, &[]).start();
    parent.write_all_then_close(lines(&messages(&spec, 3)).into_bytes());
    check.as_far_as_written(|| parent.logs(&check, "worker: goes on"));
}

#[test]
fn the_parent_exits_when_its_worker_exits_early() {
    let spec = support::spec!();
    let status = spec.number(1..100);
    let ends = [
        (format!("exit {status}"), format!("(exit status: {status})")),
        ("kill -9 $$".into(), "SIGKILL".into()),
    ];
    for (end, words) in ends {
        let check = spec.early_check(format!("a worker ends with `{end}`; the parent's stdin stays open"));
        let mut parent = parent_of(&spec, &format!("echo 'worker: ends' >&2; {end}"), &[]).start();
        parent.logs(&check, "worker: ends");
        parent.wait(&check);
        let Some(finished) = parents_end(&check, &mut parent) else { return };
        reports(&check, &finished, &["the worker exited early", &words]);
        finished.code(1);
    }
}

#[test]
fn the_parent_waits_for_the_workers_end() {
    let spec = support::spec!();
    let status = spec.number(1..100);
    let check = spec.early_check("a worker stops itself before it replies");
    let script = format!(
        "echo \"worker: $$\" >&2; kill -STOP $$; exec >&-; echo 'worker: no more replies' >&2; \
         kill -STOP $$; exit {status}"
    );
    let mut parent = parent_of(&spec, &script, &[]).start();
    let worker = stopped_worker(&check, &mut parent);
    parent.rests();
    check.holds("a parent that waits for its worker's replies", parent.is_running(), parent.stderr());
    check.equal("what is on stdout before the worker has replied", parent.stdout().as_str(), "");
    let did = format!(
        "a worker closes its stdout before it replies, stops itself, and ends later with `exit {status}`"
    );
    let check = spec.early_check(did);
    process::signal(worker, Signal::SIGCONT);
    parent.logs(&check, "worker: no more replies");
    stops(&check, &mut parent, worker);
    parent.sleeps(&check, "its worker has not exited");
    let has_ended = !parent.is_running();
    process::signal(worker, Signal::SIGCONT);
    let Some(finished) = parents_end(&check, &mut parent) else { return };
    check.holds("a parent that waits for its worker to exit", !has_ended, finished.describe());
    reports(&check, &finished, &[&format!("(exit status: {status})")]);
}

#[test]
fn both_threads_have_the_same_sent() {
    let spec = support::spec!();
    let did = "ran the parent with a folder as its stdin; `next_message` notes that in the `Sent` that the thread has, \
               and then the worker ends with `exit 0`";
    let check = spec.early_check(did);
    let script = "echo \"worker: $$\" >&2; kill -STOP $$";
    let mut parent = parent_of(&spec, script, &[]).stdin_from(folder()).start();
    let worker = stopped_worker(&check, &mut parent);
    // That `send_all` asks `next_message` is a matter of step 5.
    check.comes(|| parent.stderr().contains("cannot read stdin").then_some(()));
    process::signal(worker, Signal::SIGCONT);
    let Some(finished) = parents_end(&check, &mut parent) else { return };
    let expected =
        "no line that says `the worker exited early`, since `all_went_well` finds that note in its `Sent`";
    let stderr = finished.stderr();
    check.holds(expected, !stderr.contains("the worker exited early"), &stderr);
}
