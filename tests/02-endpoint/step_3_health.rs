//! Step 3: `/health` answers `ok`, with status 200.

use super::*;

#[test]
fn health_answers_ok() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check("started the server and asked GET /health");
    let (_server, http) = start(&spec, &mailbox, &check);

    for _ in 0..2 {
        let answer = http.get(&check, "/health");
        check.equal("the status of GET /health", &answer.status, &200);
        check.equal("the body of GET /health", answer.body.trim_end(), "ok");
    }
}
