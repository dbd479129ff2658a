//! What the given part promises, beyond what the spec looks at.

use solution_10::ShutdownSignals;
use std::thread;
use std::time::Duration;
#[cfg(target_os = "linux")]
use support::{Scratch, not_utf8};
use support::{Signal, Spec, mail, process};
use tokio::time::sleep;

fn spec() -> Spec {
    support::spec!()
}

/// macOS has no such names.
#[cfg(target_os = "linux")]
#[test]
fn the_programs_folder_may_have_a_name_that_is_not_utf8() {
    use std::{fs, os::unix::ffi::OsStrExt};
    let spec = spec();
    let mailbox = spec.mailbox();
    let check = spec.check("posted a mail to a server in a folder whose name is not UTF-8");
    let scratch = Scratch::new(env!("CARGO_TARGET_TMPDIR"), "folder");
    let folder = scratch.path().join(not_utf8("b", "cher"));
    assert!(str::from_utf8(folder.as_os_str().as_bytes()).is_err());
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("server");
    fs::hard_link(spec.program_path(), &program).unwrap();
    let program = spec.other_program(program, "server").env("PORT", "0").env("SMTP_URL", mailbox.url());
    let mut server = program.start();
    let http = server.listening(&check);
    http.post(&check, "/endpoint", &mail::request(&spec.mails(1)));
    server.logs(&check, "Number of mails sent 1");
}

#[test]
fn one_mail_is_one_mail_in_the_log() {
    let spec = spec();
    let mailbox = spec.mailbox();
    let check = spec.check("posted 1 mail, and 2");
    let mut server = spec.program().env("PORT", "0").env("SMTP_URL", mailbox.url()).start();
    let http = server.listening(&check);
    for (count, words) in [(1, ", for 1 mail"), (2, ", for 2 mails")] {
        http.post(&check, "/endpoint", &mail::request(&spec.mails(count)));
        server.logs(&check, &format!("Number of mails sent {count}"));
        let lines = server.logged("forked send_mail, pid ");
        assert!(lines.last().unwrap().ends_with(words), "{lines:?}");
    }
}

/// What comes while nothing else runs for longer than the pause between two requests.
#[tokio::test]
async fn a_server_that_is_busy_does_not_take_one_request_for_two() {
    let signals = ShutdownSignals::new().unwrap();
    process::signal(std::process::id(), Signal::SIGTERM);
    process::signal(std::process::id(), Signal::SIGINT);
    signals.first().await;
    thread::sleep(Duration::from_millis(300));
    // Lets the task run that waits for a second request. It would end this program.
    sleep(Duration::from_millis(50)).await;
}
