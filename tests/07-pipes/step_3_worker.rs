//! Step 3: the worker replies to each message immediately, until end of file. A frame that isn't JSON is bad input. The
//! spec is its parent.

use super::*;

#[test]
fn the_worker_replies_to_each_message_when_it_comes() {
    let spec = support::spec!();
    let did =
        "started the worker, sent one message, waited for the reply, sent the next; its stdin stays open";
    let check = spec.check(did);
    let mut worker = worker(&spec).start();
    for message in messages(&spec, 3).into_iter().chain([json!("text"), json!(1), json!(null), json!([{}])]) {
        worker.write(format!("{message}\n"));
        expect_echo(&mut worker, &check, &message);
    }
    worker.finish(&check).code(0).reports_no_error();
}

#[test]
fn the_worker_exits_at_end_of_file() {
    let spec = support::spec!();
    let check = spec.check("started the worker, and closed its stdin without a message");
    worker(&spec).run(&check).code(0).stdout_is("nothing", &is_empty()).reports_no_error();
}

#[test]
fn an_invalid_line_stops_the_worker() {
    let spec = support::spec!();
    for bad in [&b"hello"[..], b"{\"a\":", b"{} {}", b"\"\xff\""] {
        let good = messages(&spec, spec.number(1..4));
        let shown = bad.escape_ascii();
        let did = format!("sent messages, an empty line, and the line {shown} to the worker, with one write");
        let check = spec.check(did);
        let input =
            [(lines(&good) + "\n").as_bytes(), bad, format!("\n{}", lines(&good)).as_bytes()].concat();
        let finished = worker(&spec).stdin(input).run(&check).code(2);
        let error = format!("cannot parse message {}: ", good.len() + 1);
        echoes(&check, &finished.reports_error(&[&error]), &good);
    }
}

#[test]
fn a_stdin_that_cannot_be_read_is_an_error_of_the_worker() {
    let spec = support::spec!();
    let check = spec.check("ran `lesson-07 worker < .`, where stdin is a folder");
    let finished = worker(&spec).stdin_from(folder()).run(&check).reports_error(&[]);
    check.holds("an exit status other than 0", !finished.status().success(), finished.describe());
}

#[test]
fn replies_that_cannot_be_printed_are_an_error() {
    let spec = support::spec!();
    let input = format!("{}\n", message(&spec));
    spec.cannot_print("sent a message to the worker", &[], || worker(&spec).stdin(input.clone()));
}
