//! Step 1: build a runtime that runs everything on the thread that calls it, with everything switched on: it can wait for
//! sockets and for time. What keeps it from being built becomes an error.

use super::*;

/// Whether the server has ended in the routes, which are made once the runtime is there: that is a matter of step 2.
fn routes_have_panicked(check: &Check, server: &mut Running) -> bool {
    let told = || (!server.stdout().is_empty() || !server.is_running()).then(|| server.is_running());
    if check.comes(told) != Some(false) {
        return false;
    }
    let finished = server.finish(check);
    finished.status().code() == Some(101) && !finished.stderr().contains("runtime")
}

#[test]
fn the_event_loop_can_wait_for_sockets_and_for_time() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let path = format!("/{}", spec.word());
    let check = spec.early_check(format!("started the server and asked GET {path}, which it does not have"));
    let mut server = spec.server(&mailbox).start();
    check.as_far_as_written(|| {
        if !routes_have_panicked(&check, &mut server) {
            server.listening(&check).get(&check, &path);
        }
    });
}

/// Few systems let a program begin at all with so few descriptors.
#[cfg(target_os = "linux")]
#[test]
fn an_event_loop_that_cannot_be_built_is_an_error() {
    let spec = support::spec!();
    let check = spec.check("ran the program where it can open one file more, and an event loop needs some");
    let finished = spec.program().env("PORT", "0").descriptor_limit(4).run(&check);
    // What `#[tokio::main]` says. It builds an event loop, too.
    if !finished.stderr().contains("Failed building the Runtime") {
        finished.code(2).reports_error(&["open files"]);
    }
}
