//! Step 2: `GET /health` goes to the function `health`, and `POST /endpoint` to the function `endpoint`. Both can ask for
//! the SMTP server's address. With the routes, the server begins to listen.

use super::*;

#[test]
fn each_path_has_its_method() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check("asked for what the server does not have");
    let (server, http) = start(&spec, &mailbox, &check);

    let path = format!("/{}", spec.word());
    check.equal(&format!("the status of GET {path}"), &http.get(&check, &path).status, &404);
    check.equal("the status of GET /endpoint", &http.get(&check, "/endpoint").status, &405);
    let body = mail::request(&spec.mails(1));
    let answer = http.begin_post("/health", &body).comes(&check);
    let is_refused = answer.as_ref().is_some_and(|answer| answer.status == 405);
    // A handler that isn't written yet says so in the log.
    server.rests();
    let came = answer
        .map_or_else(|| format!("no answer:\n{}", server.stderr().trim_start()), |answer| answer.to_string());
    check.holds("the status of POST /health is 405", is_refused, came);
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &0);
}

#[test]
fn each_route_leads_to_its_handler() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.early_check("asked GET /health, and posted {} to /endpoint, which is not a valid request");
    let (_server, http) = start(&spec, &mailbox, &check);

    // What the handlers do is a matter of later steps, so there may be no answer at all.
    if let Some(answer) = http.begin_get("/health").comes(&check) {
        let expected = "an answer to GET /health from the function `health`, and no refusal";
        check.holds(expected, answer.status < 400, &answer);
    }
    if let Some(answer) = http.begin_post("/endpoint", &json!({})).comes(&check) {
        let expected = "a refusal of the request by the function `endpoint`, such as status 422";
        check.holds(expected, !matches!(answer.status, 404 | 405) && answer.body.trim() != "ok", &answer);
    }
}

#[test]
fn a_bad_port_is_bad_configuration() {
    let spec = support::spec!();
    spec.refuses_values("PORT", &["", "http", "-1", "65536", "3000 "], "30");
}

#[test]
fn a_port_in_use_is_bad_configuration() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let port = mailbox.port().to_string();
    let check = spec.check(format!("started the server with PORT={port}, which is in use"));
    spec.program().env("PORT", &port).run(&check).code(2).reports_error(&["cannot listen on", &port]);
}
