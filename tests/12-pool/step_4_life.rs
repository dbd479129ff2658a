//! Step 4: the life of a worker: batch after batch, `MAX_JOBS_PER_WORKER` at most, and then it is dismissed and
//! replaced. A worker that exits by itself is replaced too, and no more work is the end.

use super::*;

#[test]
fn the_workers_are_there_before_any_request() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("started a server with WORKERS=2");
    let server = server(&check, &mailbox, 2, 10);
    let before = server.wait_for_workers(&check, 2);
    server.is_healthy(&check);
    let check = check.spec().check("killed both workers when they had nothing to do");
    jobs::kill(&check, &before);
    let expected = "another worker in its place: the server sees that a worker exits by itself";
    server.wait_for_other_workers(&check, expected, &before);
    let says_how = |pid| move |line: &String| line.contains(&format!("{pid}")) && line.contains("signal: 9");
    for pid in before {
        let told = || server.logged("error: ").iter().any(says_how(pid)).then_some(());
        check.eventually(&format!("a line `error: …` that says how worker {pid} ended: `signal: 9`"), told);
    }
    server.runs(&check, &check.spec().mails(3), "done", [3, 0, 0, 0]);
}

#[test]
fn there_are_as_many_workers_as_cores_by_default() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("started a server without WORKERS");
    let program = spec.program().env("PORT", "0").env("SMTP_URL", mailbox.url());
    JobServer::start(&check, program).wait_for_workers(&check, cores);
}

#[test]
fn a_pool_sleeps_while_it_waits() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("started a server with two workers, and posted 1 mail, which the mailbox holds");
    let server = server(&check, &mailbox, 2, 10);
    server.wait_for_workers(&check, 2);
    server.sleeps(&check, "there is no job yet");
    mailbox.hold(Point::Rcpt);
    let job = server.post(&check, &spec.mails(1));
    mailbox.wait_held(&check, 1);
    server.sleeps(&check, "one worker waits for the mail server and the other one for work");
    mailbox.release_all();
    server.ends_with(&check, &job, "done", [1, 0, 0, 0]);
}

#[test]
fn the_workers_are_started_once() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 20 jobs of 2 mails to a server with WORKERS=3");
    let server = server(&check, &mailbox, 3, 10);
    let before = server.wait_for_workers(&check, 3);
    let jobs: Vec<Value> = (0..20).map(|_| server.post(&check, &check.spec().mails(2))).collect();
    for job in &jobs {
        server.ends_with(&check, job, "done", [2, 0, 0, 0]);
    }
    let pids = |pids: BTreeSet<u32>| pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let (old, now) = (pids(before), pids(server.workers()));
    check.holds(&format!("the same workers as before: the processes {old}"), now == old, &now);
    server.log_line(&check, &contains("Number of mails sent 2"));
}

#[test]
fn all_workers_work_at_once_and_never_more() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let count = spec.number(2..5);
    let mails = spec.mails(count * 3);
    let did = format!("posted {} mails with WORKERS={count} and BATCH_MAILS=1, all held", mails.len());
    let check = spec.check(did);
    mailbox.hold(Point::Rcpt);
    let server = server(&check, &mailbox, count, 1);
    let job = server.post(&check, &mails);
    mailbox.wait_held(&check, count);
    check.equal("the number of workers", &server.workers().len(), &count);
    server.is_healthy(&check);
    mailbox.release_all();
    server.ends_with(&check, &job, "done", [mails.len(), 0, 0, 0]);
    check.holds("never more conversations than workers", mailbox.peak() <= count, mailbox.peak());
    check_recipients(&check, &mailbox, &mails);
}

#[test]
fn a_worker_takes_one_batch_at_a_time() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 3 jobs of 1 mail with WORKERS=1 and QUEUE_MAILS=1; the mailbox holds the first mail";
    let check = spec.check(did);
    mailbox.hold(Point::Rcpt);
    let server = JobServer::start(&check, program(&check, &mailbox, 1).env("QUEUE_MAILS", "1"));
    server.post(&check, &spec.mails(1));
    mailbox.wait_held(&check, 1);
    let second = server.post(&check, &spec.mails(1));
    let third = server.offer(&check, &spec.mails(1));
    let expected =
        "503 for the third mail: the second one waits in the queue until the worker is done with the first";
    check_answer(&check, &third, expected);
    check_state(&check, &server, &second, "queued");
    mailbox.release_all();
    server.ends_with(&check, &second, "done", [1, 0, 0, 0]);
}

#[test]
fn a_worker_that_dies_over_its_batch_is_replaced() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("killed the one worker when it had sent the only mail of its batch");
    mailbox.hold(Point::Accept);
    let server = server(&check, &mailbox, 1, 1);
    let before = server.wait_for_workers(&check, 1);
    server.post(&check, &spec.mails(1));
    mailbox.wait_held(&check, 1);
    jobs::kill(&check, &before);
    mailbox.release_all();
    let expected = "another worker in the place of the one that was killed";
    server.wait_for_other_workers(&check, expected, &before);
    server.runs(&check, &spec.mails(1), "done", [1, 0, 0, 0]);
}

/// The lines of a file, or none if there is no such file yet.
fn lines(path: &std::path::Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn no_batch_goes_to_a_worker_that_is_dead_already() {
    const WORKERS: usize = 12;
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = format!(
        "posted {} batches to {WORKERS} workers that do one and exit, all while the server is stopped by SIGSTOP",
        2 * WORKERS
    );
    let check = spec.check(did);
    let (ready, go) = (Scratch::new(SCRIPTS, "ready"), Scratch::new(SCRIPTS, "go"));
    let (ready, go) = (ready.path(), go.path());
    let (say_so, wait) = (format!("echo >> '{}'", ready.display()), format!("[ -e '{}' ]", go.display()));
    let body = format!("{say_so}; until {wait}; do sleep 0.02; done; all $@");
    let program = program(&check, &mailbox, WORKERS).env("BATCH_MAILS", "1");
    let server = JobServer::start_with(&check, program, played(&check, SCRIPTS, &body));
    let first = server.wait_for_workers(&check, WORKERS);
    let job = server.post(&check, &spec.mails(2 * WORKERS));
    check.eventually("each worker has a batch", || (lines(ready) == WORKERS).then_some(()));
    server.pause(&check);
    let _ = fs::write(go, "");
    let ended = || process::zombies(server.pid()).len() == WORKERS;
    check.eventually("each worker has replied and exited", || ended().then_some(()));
    server.resume(&check);
    // Some of the workers that come later may be dead when they are given a batch: no server can know that.
    server.ended(&check, &job);
    let given = first.iter().filter(|pid| !server.logged(&format!("worker {pid} disconnected")).is_empty());
    let given = given.count();
    let expected = "no batch for a worker that is dead: `biased;`, and the worker first";
    check.holds(expected, given == 0, format!("{given} of {WORKERS} dead workers got one"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_has_done_its_last_batch_frees_its_memory() {
    const LEAK_MIB: u64 = 50;
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = format!(
        "posted 8 mails, one a batch, with MAX_JOBS_PER_WORKER=3 and a worker that keeps {LEAK_MIB} MiB for each mail"
    );
    let check = spec.check(did);
    let program = program(&check, &mailbox, 1).env("BATCH_MAILS", "1").env("MAX_JOBS_PER_WORKER", "3");
    let server = JobServer::start(&check, program.env("LEAK_MB", LEAK_MIB.to_string()));
    server.post(&check, &spec.mails(1));
    mailbox.wait_letters(&check, 1);
    let before = Holdings::of(&server);
    // Each worker that was seen, with its memory whenever it had a mail in hand.
    let mut seen: Vec<(u32, Vec<u64>)> = Vec::new();
    for number in 2..=8 {
        mailbox.hold(Point::Rcpt);
        server.post(&check, &spec.mails(1));
        mailbox.wait_held(&check, 1);
        let pid = server.wait_for_workers(&check, 1).pop_first().unwrap_or_default();
        let resident = process::info(pid).map_or(0, |info| info.resident_bytes >> 20);
        match seen.last_mut().filter(|(last, _)| *last == pid) {
            Some((_, memory)) => memory.push(resident),
            None => seen.push((pid, vec![resident])),
        }
        mailbox.release_all();
        mailbox.wait_letters(&check, number);
    }
    let after = Holdings::of(&server);
    let workers = seen.iter().map(|(_, memory)| format!("{memory:?}")).collect::<Vec<_>>().join(", then ");
    let memory = format!("MiB of each worker, whenever it had a mail in hand: {workers}");
    figures::publish(
        "12-memory",
        &format!("{memory}\nthe server before: {before}\nthe server after:  {after}"),
    );
    let batches: Vec<usize> = seen.iter().map(|(_, memory)| memory.len()).collect();
    check.equal("how many batches each worker has had, after the first batch,", &batches, &vec![2, 3, 2]);
    let most = seen.iter().flat_map(|(_, memory)| memory).max().copied().unwrap_or_default();
    check.holds(&format!("a worker of {} MiB", 3 * LEAK_MIB), most >= 3 * LEAK_MIB, &workers);
    check.holds("never the memory of a fourth batch", most < 4 * LEAK_MIB, &workers);
    let fresh = seen[1..].iter().all(|(_, memory)| memory[0] < 2 * LEAK_MIB);
    check.holds("each new worker starts without that memory", fresh, &workers);
    jobs::nothing_grew(&check, &server, before, 4);
}

/// A worker that does one batch, when the file is there, and then ignores that it is to exit.
fn stubborn(check: &Check, go: &Scratch) -> Script {
    let wait = format!("until [ -e '{}' ]; do sleep 0.02; done", go.path().display());
    played(check, SCRIPTS, &format!("trap '' TERM PIPE; {wait}; all $@; disconnected; hang"))
}

#[test]
fn a_worker_that_has_done_its_share_is_made_to_exit() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 2 mails, with MAX_JOBS_PER_WORKER=1 and workers that do one batch and then ignore that they are \
               to exit";
    let check = spec.check(did);
    let program = program(&check, &mailbox, 1).env("BATCH_MAILS", "1").env("MAX_JOBS_PER_WORKER", "1");
    let go = Scratch::new(SCRIPTS, "go");
    let _ = fs::write(go.path(), "");
    let program = program.env("WORKER_GRACE_SECONDS", "0.1");
    let server = JobServer::start_with(&check, program, stubborn(&check, &go));
    server.runs(&check, &spec.mails(2), "done", [2, 0, 0, 0]);
    server.wait_for_workers(&check, 1);
}

#[test]
fn a_worker_is_made_to_exit_when_no_more_work_will_come() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "sent SIGTERM to a server whose worker does its batch after that, and then ignores that it is to exit";
    let check = spec.check(did);
    let go = Scratch::new(SCRIPTS, "go");
    let program = program(&check, &mailbox, 1).env("WORKER_GRACE_SECONDS", "0.1");
    let mut server = JobServer::start_with(&check, program, stubborn(&check, &go));
    let job = server.post(&check, &spec.mails(1));
    check.eventually("the worker has a batch", || {
        (server.status(&check, &job)["state"] == "running").then_some(())
    });
    server.signal(Signal::SIGTERM);
    server.wait_closed(&check);
    let _ = fs::write(go.path(), "");
    // That the server waits for the batch, and then ends, is a matter of step 6.
    let done = || server.logged("Number of mails sent 1").pop();
    let ends = check.comes(done).is_some() && check.comes(|| (!server.is_running()).then_some(())).is_some();
    if ends {
        let check = spec.check("the server has ended; its worker ignored that it was to exit");
        server.leaves_nothing_behind(&check);
    }
}

/// How long it takes at least until a server has forked so many workers that exit at once: half of what the pauses of 0.2,
/// 0.4, 0.8 seconds and so on add up to.
fn at_least(workers: usize) -> Duration {
    Duration::from_millis(100) * (2_u32.saturating_pow(workers as u32 - 1) - 1)
}

/// Starts a server whose workers exit at once, and posts so many mails. There must be pauses between the workers.
fn few_are_forked(mails: usize) {
    const MANY: usize = 4;
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check(format!("posted {mails} mails to a server whose workers end at once"));
    let count = Scratch::new(SCRIPTS, "count");
    let body = format!("echo another >> '{}'; exit 1", count.path().display());
    let program = program(&check, &mailbox, 1).env("BATCH_MAILS", "1");
    let began = Instant::now();
    let server = JobServer::start_with(&check, program, Script::without_reading(&check, SCRIPTS, &body));
    if mails > 0 {
        server.post(&check, &spec.mails(mails));
    }
    check.eventually("a first worker", || (lines(count.path()) > 0).then_some(()));
    // However late a busy machine lets the spec look: so many have not had the time that the pauses take.
    let too_many = || {
        let workers = lines(count.path());
        (workers >= MANY && began.elapsed() < at_least(workers)).then_some(workers)
    };
    let many = limit::poll(at_least(MANY), too_many);
    check.holds(
        &format!("less than {MANY} workers within 0.7 seconds, and a longer pause before each one"),
        many.is_none(),
        counted(many.unwrap_or_default(), "worker"),
    );
}

#[test]
fn workers_that_do_nothing_are_not_forked_without_a_pause() {
    few_are_forked(0);
}

#[test]
fn workers_that_lose_their_batches_are_not_forked_without_a_pause() {
    few_are_forked(500);
}

#[cfg(target_os = "linux")]
#[test]
fn all_workers_compute_at_the_same_time() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = cores.clamp(2, 8);
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = format!(
        "posted one job of {count} mails with WORKERS={count}, BATCH_MAILS=1 and SIGN_ROUNDS so high that signing does not end"
    );
    let check = spec.check(did);
    let program = program(&check, &mailbox, count).env("BATCH_MAILS", "1");
    let server = JobServer::start(&check, program.env("SIGN_ROUNDS", "1000000000"));
    server.post(&check, &spec.mails(count));
    // Such a worker never waits: it has a core, or would take one if there were one more.
    check.eventually(&format!("{count} workers that are running (state R) at the same time"), || {
        let running = process::children(server.pid()).iter().filter(|child| child.state == 'R').count();
        (running == count).then_some(())
    });
    server.is_healthy(&check);
    check.equal("conversations with the mail server so far", &mailbox.conversations(), &0);
}

#[test]
fn mails_wait_for_a_program_that_is_missing_for_a_while() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 10 mails while the program that WORKER names is missing, as during a deploy";
    let check = spec.check(did);
    let script = played(&check, SCRIPTS, "all $@; disconnected");
    let missing = Scratch::new(SCRIPTS, "deployed");
    let server = JobServer::start(&check, program(&check, &mailbox, 2).env("WORKER", missing.path()));
    let job = server.post(&check, &spec.mails(10));
    // Each of the two slots has tried it twice.
    check.eventually("four tries to fork", || (server.logged("cannot fork").len() >= 4).then_some(()));
    check_state(&check, &server, &job, "queued");
    jobs::write_executable(&check, missing.path(), &format!("exec {}", script.command()));
    server.ends_with(&check, &job, "done", [10, 0, 0, 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn one_worker_that_cannot_be_forked_costs_no_mail() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("counted the descriptors of a server with one worker");
    let one = server(&check, &mailbox, 1, 10);
    one.wait_for_workers(&check, 1);
    // The fork itself has some of them open, until all wait for work.
    one.rests();
    let descriptors = process::descriptors(one.pid()).map_or(0, |open| open.len() as u64);
    drop(one);
    let did =
        "posted 5 mails with WORKERS=2 and so few descriptors (`ulimit -n`) that there is one worker only";
    let check = spec.check(did);
    let program = program(&check, &mailbox, 2).env("BATCH_MAILS", "1").env("GIVE_UP_SECONDS", "0.1");
    let server = JobServer::start(&check, program.descriptor_limit(descriptors + 2));
    server.log_line(&check, &contains("cannot fork"));
    server.runs(&check, &spec.mails(5), "done", [5, 0, 0, 0]);
}

#[test]
fn the_workers_can_be_real_node_programs() {
    let Some(worker) = support::node::worker(support::node_program!("send_mail.mjs")) else { return };
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check(format!("posted 5 mails to a server with WORKER={worker}"));
    let program = program(&check, &mailbox, 2).env("BATCH_MAILS", "2").env("WORKER", worker);
    let server = JobServer::start(&check, program);
    let job = server.post(&check, &spec.mails(5));
    server.ends_with(&check, &job, "done", [5, 0, 0, 0]);
}

#[test]
fn workers_do_not_outlive_a_server_that_is_killed() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("killed a server with three workers with SIGKILL when a job was done");
    let mut server = server(&check, &mailbox, 3, 10);
    server.runs(&check, &spec.mails(3), "done", [3, 0, 0, 0]);
    server.wait_for_workers(&check, 3);
    server.signal(Signal::SIGKILL);
    server.leaves_nothing_behind(&check);
}
