//! Step 4: tell a program that does not exist from a child that failed, and take the error's own text for every other reason
//! why there is no child.

use super::*;

#[test]
fn a_missing_program_and_a_failing_one_are_reported_differently() {
    let spec = support::spec!();
    let missing = format!("{}-is-not-there", spec.word());
    let check = spec.check(format!("ran {missing:?}, then `sh -c 'exit 127'`"));
    let requests = [json!({"program": missing}), shell("exit 127", &[]), shell("echo on", &[])];
    let reports = reports(&check, spec.program(), &requests);
    let nothing = json!({"pid": null, "ended": {"error": "not found"}, "stdout": "", "stderr": ""});
    check.json("the report of the error that `spawn` returned", &reports[0], &nothing);
    check.json("how `exit 127` ended", &reports[1]["ended"], &json!({"exit": 127}));
    prints(&check, "the output of the next child", &reports[2], "on");
}

#[test]
fn every_other_error_keeps_its_own_words() {
    let spec = support::spec!();
    for program in ["/", "/dev/null/sh", "s\0h"] {
        let check = spec.check(format!("ran {program:?}, which is not a program"));
        let request = json!({"program": program});
        let error = Command::new(program)
            .spawn()
            .map(|_| "no error".to_owned())
            .unwrap_or_else(|error| error.to_string());
        let reports = reports(&check, spec.program(), &[request, shell("echo on", &[])]);
        check.json("\"ended\"", &reports[0]["ended"], &json!({"error": error}));
        prints(&check, "the output of the next child", &reports[1], "on");
    }
}

#[test]
fn a_line_that_is_not_a_request_is_bad_input() {
    let spec = support::spec!();
    let word = spec.word();
    let bad = ["{\"program\": ", "[]", "[\"sh\"]", "{\"args\": []}", "{\"program\": \"sh\", \"args\": [1]}"];
    for bad in bad {
        let did = format!("gave the program a good request, an empty line, a line of spaces, and then {bad}");
        let check = spec.check(did);
        let input = format!("{}\n\n \t\r\n{bad}", shell("echo $1", &[&word]));
        let finished = spec.program().stdin(input).run(&check).code(2);
        let finished = finished.reports_error(&["cannot parse line 4: "]);
        let report = parse(&check, finished.stdout().trim_end());
        prints(&check, "the output of the good request", &report, &word);
    }
}
