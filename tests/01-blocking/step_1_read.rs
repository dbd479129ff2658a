//! Step 1: parse `{"mails": [mail, …]}` from stdin, as one JSON document. What is not a job ends the program with exit
//! status 2.

use super::*;

#[test]
fn an_invalid_job_is_bad_input() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let good = spec.mail().json();
    let mut lacking = good.clone();
    let field = ["from", "to", "subject", "text"][spec.number(0..4)];
    lacking.as_object_mut().map(|fields| fields.remove(field));
    let jobs = [
        ("nothing", String::new(), "line"),
        ("broken JSON", "{\"mails\": [".into(), "line"),
        ("a list instead of an object", "[1, 2]".into(), "line"),
        ("a list of mails instead of an object", json!([[good]]).to_string(), "line"),
        ("a mail that is a list", json!({"mails": [["a@x.test", "b@x.test", "s", "t"]]}).to_string(), "line"),
        ("no \"mails\"", json!({"mail": [good]}).to_string(), "mails"),
        ("a mail without a field", json!({"mails": [good, lacking]}).to_string(), field),
        ("two documents", "{\"mails\": []} {\"mails\": []}".into(), "line"),
    ];
    for (what, job, word) in jobs {
        let did = format!("ran the program with {what} on stdin: {job}");
        let check = spec.early_check(did.trim_end_matches(": "));
        let finished = spec.program().env("SMTP_URL", mailbox.url()).stdin(job).run(&check).code(2);
        finished.reports_error(&["cannot parse the job: ", word]).stdout_is("nothing", &is_empty());
        check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &0);
    }
}

#[test]
fn a_bad_smtp_url_is_bad_configuration() {
    let spec = support::spec!();
    let other = ["http://127.0.0.1:2525", "smtps://127.0.0.1", "smtp://a@127.0.0.1", "smtp://:b@127.0.0.1"];
    let bad = [&["", "not a url", "smtp://"][..], &other].concat();
    spec.refuses_values("SMTP_URL", &bad, "smtp://127.0.0.1:2525/");
}

#[test]
fn a_job_may_be_written_on_several_lines() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let job = format!("{:#}\n", mail::job(&spec.mails(2)));
    let check = spec.early_check("ran the program with a job of 2 mails that is written on several lines");
    let finished = spec.program().env("SMTP_URL", mailbox.url()).stdin(job).run(&check);
    let is_refused = finished.status().code() == Some(2);
    check.holds("a job that is parsed, on however many lines it is", !is_refused, finished.describe());
}
