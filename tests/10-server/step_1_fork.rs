//! Step 1: fork the worker, hand the rest of its life to a separate task, and answer at once. When the fork fails, the
//! client gets an error, and so does the log.

use super::*;
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn the_answer_does_not_wait_for_the_worker() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check("posted 2 mails to a server whose worker does nothing at all");
    let worker = script(&check, IDLE);
    let (_server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(2));
    http.is_healthy(&check);
}

#[test]
fn each_request_has_a_worker_process_of_its_own() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let begun = spec.early_check("started the server, with workers that do nothing at all");
    let worker = script(&begun, IDLE);
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&begun);
    begun.equal("the number of children before a request", &pids_of_children(&server).len(), &0);
    for (count, which) in [(1, "2 mails"), (2, "2 more mails"), (3, "2 mails again")] {
        let check = spec.early_check(format!("posted {which} to a server whose workers do nothing at all"));
        post(&check, &http, &spec.mails(2));
        let children = pids_of_children(&server);
        check.equal("the number of children of the server", &children.len(), &count);
        for pid in children {
            server.log_line(&check, &contains(pid.to_string()));
        }
    }
}

#[test]
fn each_child_is_left_to_a_task_of_its_own() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.early_check("posted a mail, and another one, to a server whose worker waits for its job");
    let body =
        "if read -r job <&3; then echo 'a worker has its job'; else echo 'a channel is closed'; fi >&2";
    let worker = script(&check, &format!("{body}\n{IDLE}"));
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    check.as_far_as_written(|| {
        let said =
            || server.logged("a worker has its job").len() + server.logged("a channel is closed").len();
        for count in [1, 2] {
            post(&check, &http, &spec.mails(1));
            let came = limit::poll(Duration::from_secs(1), || (said() == count).then_some(()));
            let closed = server.logged("a channel is closed");
            let expected = "a channel that stays open until the worker has its job";
            check.holds(expected, closed.is_empty(), server.stderr());
            // That no job is sent at all is a matter of step 2.
            let expected = "a job for the second worker, while the first one has its own";
            check.holds(expected, came.is_some() || count == 1 || said() == 0, server.stderr());
        }
    });
}

#[test]
fn a_worker_that_does_not_exist_is_an_error_answer() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let name = format!("no-such-worker-{}", spec.word());
    let check = spec.check(format!("posted a mail to a server with WORKER={name}"));
    let (server, http) = spec.server(&mailbox).env("WORKER", &name).serve(&check);
    let answer = http.post_mails(&check, &spec.mails(1));
    server.log_line(&check, &starts_with("error: "));
    refuses(&check, &answer, 500, &name);
    http.is_healthy(&check);
}

#[test]
fn bad_requests_fork_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let begun = spec.check("started the server with WORKER=touch FILE");
    let trace = scratch("forked");
    let worker = support::worker(["touch".as_ref(), trace.path()]);
    let (server, http) = spec.server(&mailbox).env("WORKER", worker).serve(&begun);
    let missing = json!({"emails": [{"from": "a@b.test", "to": "c@d.test", "subject": "x"}]}).to_string();
    for (what, body, status, word) in [
        ("malformed JSON", "{\"emails\": [".to_owned(), 400, "line"),
        ("a mail without a text", missing, 422, "text"),
    ] {
        let check = spec.check(format!("posted {what}"));
        let answer = http.post_bytes(&check, "/endpoint", body.as_bytes());
        refuses(&check, &answer, status, word);
    }
    let check = spec.check("sent bad requests to a server with WORKER=touch FILE");
    wait_without_children(&check, &server);
    let expected = "nothing was forked: no file that only `touch` makes";
    check.holds(expected, !trace.path().exists(), "the file is there");
    http.is_healthy(&check);
}

#[test]
fn no_shell_looks_at_what_a_client_has_written() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = mail::bait(&spec);
    let check = spec.early_check(format!(
        "posted {} mails with commands of a shell in them, such as {}",
        mails.len(),
        mails[0].json()
    ));
    let folder = scratch("folder");
    if let Err(error) = fs::create_dir(folder.path()) {
        check.fail("a new folder for the server", &error.to_string());
    }
    let worker = script(&check, IDLE);
    let program = spec.server(&mailbox).current_dir(folder.path()).env("WORKER", worker.command());
    let (_server, http) = program.serve(&check);
    post(&check, &http, &mails);
    let made: Vec<_> = fs::read_dir(folder.path()).into_iter().flatten().flatten().collect();
    let names: Vec<_> = made.iter().map(|made| made.file_name().display().to_string()).collect();
    let got = format!("the file {}: a shell has read what a client has written", names.join(", "));
    check.holds("no new file in the server's folder", made.is_empty(), got);
}

#[test]
fn the_workers_command_line_may_have_arguments() {
    let spec = support::spec!();
    let folder = scratch("folder");
    let names = ["worker", "my worker"].map(|name| folder.path().join(name));
    let begun = spec.early_check("made two programs, one of them with a space in its name");
    let link = |name: &PathBuf| std::os::unix::fs::symlink("/bin/sleep", name);
    let made = fs::create_dir(folder.path()).and_then(|()| names.iter().try_for_each(link));
    if let Err(error) = made {
        begun.fail("links in a new folder", &error.to_string());
    }
    // env(1) starts the program that its arguments name, in its own place.
    for (worker, says) in
        [("env ./worker 60", "./worker 60"), (r#"["env", "./my worker", "60"]"#, "./my worker 60")]
    {
        let mailbox = spec.mailbox();
        let check = spec.early_check(format!("posted a mail to a server with WORKER={worker}"));
        let program = spec.server(&mailbox).current_dir(folder.path()).env("WORKER", worker);
        let (server, http) = program.serve(&check);
        post(&check, &http, &spec.mails(1));
        let commands = || process::children(server.pid()).into_iter().map(|child| child.command);
        check.eventually_gives(&format!("a child of the server whose command line is {says}"), || {
            if commands().any(|command| command == says) {
                Ok(())
            } else {
                Err(format!("{:?}", commands().collect::<Vec<_>>()))
            }
        });
    }
}

#[test]
fn bad_configuration_is_reported_at_the_start() {
    let spec = support::spec!();
    spec.refuses_values("PORT", &["eighty"], "80");
    spec.refuses_values("SMTP_URL", &["nowhere"], "smtp://127.0.0.1:2525");
    spec.refuses_values("WORKER", &["  ", "[]", "[\"node\", 5]"], "node");
}
