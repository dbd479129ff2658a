//! Step 3: tell an exit status from death by a signal. A report has either of them, so the first reports come with this step.

use super::*;

#[test]
fn exit_codes_and_signals_are_reported_differently() {
    let spec = support::spec!();
    let code = spec.number(1..100);
    let mut cases: Vec<(String, Value)> =
        [0, code, 127, 137, 255].map(|code| (format!("exit {code}"), json!({"exit": code}))).to_vec();
    for name in ["KILL", "TERM", "USR1", "SEGV", "PIPE", "VTALRM"] {
        cases.push((format!("kill -{name} $$"), json!({"signal": format!("SIG{name}")})));
    }
    let word = spec.word();
    for (script, expected) in cases {
        let check = spec.check(format!("ran `sh -c 'echo {word}; {script}'`"));
        let report =
            reports(&check, spec.program(), &[shell(&format!("echo {word}; {script}"), &[])]).remove(0);
        check.json("\"ended\"", &report["ended"], &expected);
        prints(&check, "its stdout up to then", &report, &word);
    }
}

#[test]
fn a_report_that_cannot_be_printed_is_an_error() {
    let spec = support::spec!();
    let requests = lines(&[shell("exit 0", &[]), shell("exit 0", &[])]);
    let program = || spec.program().stdin(requests.clone());
    spec.cannot_print("gave the program two requests", &["cannot print"], program);
}
