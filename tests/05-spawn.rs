//! The task of lesson 05: a program that runs other programs and tells what became of them.
//!
//! 1. Start a child: program, arguments, environment, nothing on stdin (look up: `std::process::Command`).
//! 2. Read both of its outputs to their end, then wait for it (look up: `Child::wait_with_output`).
//! 3. Tell exit codes from signals (look up: `std::os::unix::process::ExitStatusExt`).
//! 4. Tell a program that is not there from a child that failed.

use support::predicates::str::is_empty;
use support::{Check, Program, Running, Spec, Value, json, process};

const START: &str = "1. Start the child";
const COLLECT: &str = "2. Collect what it writes";
const ENDED: &str = "3. Tell how it ended";
const NOT_FOUND: &str = "4. When there is no such program";

/// A request that runs a shell script. `$1` and so on in the script are `args`.
fn shell(script: &str, args: &[&str]) -> Value {
    let args: Vec<&str> = ["-c", script, "sh"].iter().chain(args).copied().collect();
    json!({"program": "sh", "args": args})
}

fn lines(requests: &[Value]) -> String {
    requests.iter().map(|request| format!("{request}\n")).collect()
}

/// Runs the requests to the end of stdin, and gives the reports.
fn reports(check: &Check, program: Program, requests: &[Value]) -> Vec<Value> {
    let finished = program.stdin(lines(requests)).run(check).code(0);
    let stdout = finished.stdout();
    let reports: Vec<Value> = stdout.lines().map(|line| parse(check, line)).collect();
    let expected = format!("one line on stdout for each request: {} in all", requests.len());
    check.holds(&expected, reports.len() == requests.len(), stdout + &finished.stderr());
    reports
}

fn parse(check: &Check, line: &str) -> Value {
    let report: Value = line.parse().unwrap_or_else(|_| check.fail("a report: one line of JSON", line));
    for field in ["pid", "ended", "stdout", "stderr"] {
        check.holds(&format!("a report with the field {field:?}"), report.get(field).is_some(), line);
    }
    report
}

/// Runs one request in a program that goes on running.
fn ask(running: &mut Running, check: &Check, request: &Value) -> Value {
    running.write(format!("{request}\n"));
    parse(check, &running.line(check))
}

/// The child's stdout must be this line.
fn prints(check: &Check, what: &str, report: &Value, line: &str) {
    check.json(what, &report["stdout"], &json!(format!("{line}\n")));
}

/// The number that a child printed, `null` if it printed none.
fn number(text: &Value) -> Value {
    text.as_str().and_then(|text| text.trim().parse::<u64>().ok()).into()
}

#[test]
fn the_child_has_a_pid_of_its_own_and_our_pid_as_its_parent() {
    let spec = support::spec!("05-spawn");
    let did = "ran `sh`, which prints its own pid on stdout and its parent's on stderr; \
               the program's stdin stays open";
    let check = spec.check(START, did);
    let mut program = spec.program().start();
    let mut pids = Vec::new();
    for _ in 0..3 {
        let report = ask(&mut program, &check.about(COLLECT), &shell("echo $$; echo $PPID >&2", &[]));
        let ours = json!(format!("{}\n", program.pid()));
        check.json("the child's stderr, which is the pid of its parent,", &report["stderr"], &ours);
        let own = number(&report["stdout"]);
        check.holds("the child's own pid on its stdout", own.is_number(), &report["stdout"]);
        check.json("the pid in the report", &report["pid"], &own);
        check.holds("a new pid for each child", !pids.contains(&own), format!("{own} after {}", json!(pids)));
        pids.push(own);
    }
    program.finish(&check).code(0);
}

#[test]
fn arguments_arrive_as_they_are() {
    let spec = support::spec!("05-spawn");
    let args = ["two words", "$HOME", "*", "a;b|c", "", "it's \"quoted\"", "Grüße", &spec.word()];
    let check = spec.check(START, format!("ran `printf '%s\\n'` with the arguments {args:?}"));
    let request = json!({"program": "printf", "args": Vec::from_iter(["%s\n"].iter().chain(&args))});
    let report = &reports(&check, spec.program(), &[request])[0];
    let expected: String = args.iter().map(|arg| format!("{arg}\n")).collect();
    check.equal("what the child got", report["stdout"].as_str().unwrap_or_default(), &expected);
}

#[test]
fn the_environment_is_inherited_and_added_to() {
    let spec = support::spec!("05-spawn");
    let (kept, old, new) = (spec.word(), spec.word(), spec.word());
    let check =
        spec.check(START, format!("KEPT={kept} CHANGED={old} are ours; a request sets CHANGED={new}"));
    let mut request = shell("echo \"$KEPT $CHANGED\"", &[]);
    let plain = request.clone();
    request["env"] = json!({"CHANGED": new});
    let program = spec.program().env("KEPT", &kept).env("CHANGED", &old);
    let reports = reports(&check, program, &[request, plain]);
    prints(&check, "the line with the child's variables", &reports[0], &format!("{kept} {new}"));
    let what = "the line with the variables of the next child, whose request has no \"env\"";
    prints(&check, what, &reports[1], &format!("{kept} {old}"));
}

#[test]
fn the_requests_on_stdin_are_none_of_the_childs_business() {
    let spec = support::spec!("05-spawn");
    let word = spec.word();
    let did = "ran `cat`, which reads its stdin to the end, while the program's own stdin stays open";
    let check = spec.check(START, did);
    let mut program = spec.program().start();
    let report = ask(&mut program, &check, &shell("cat; echo $1", &[&word]));
    prints(&check, "the output of the child", &report, &word);
    program.finish(&check).code(0);
}

#[test]
fn each_report_comes_when_its_child_has_ended() {
    let spec = support::spec!("05-spawn");
    let check = spec.check(COLLECT, "gave the program one request, and kept its stdin open");
    let mut program = spec.program().start();
    for count in 1..4 {
        let word = spec.word();
        let report = ask(&mut program, &check, &shell("echo $1", &[&word]));
        prints(&check, &format!("the output in report {count}"), &report, &word);
    }
    program.finish(&check).code(0);
}

#[test]
fn stdout_and_stderr_are_captured_apart() {
    let spec = support::spec!("05-spawn");
    let (out, err) = (spec.word(), spec.word());
    let check =
        spec.check(COLLECT, format!("ran `sh`, which writes {out:?} to stdout and {err:?} to stderr"));
    let request = shell("printf %s $1; printf %s $2 >&2", &[&out, &err]);
    let finished = spec.program().stdin(lines(&[request])).run(&check).code(0);
    let stderr = finished.stderr();
    let captured = !stderr.contains(&err);
    check.about(START).holds("the child's stderr in the report, not on the program's own", captured, stderr);
    let report = parse(&check, finished.stdout().trim_end());
    check.json("the child's stdout", &report["stdout"], &json!(out));
    check.json("the child's stderr", &report["stderr"], &json!(err));
}

#[test]
fn output_that_is_no_utf_8_is_no_reason_to_stop() {
    let spec = support::spec!("05-spawn");
    let check = spec.check(COLLECT, "ran a child that writes the byte 0xFF, which no UTF-8 text has");
    let requests = [shell("printf 'a\\377b'", &[]), shell("echo next", &[])];
    let reports = reports(&check, spec.program(), &requests);
    check.json("the child's stdout", &reports[0]["stdout"], &json!("a\u{FFFD}b"));
    prints(&check, "the next child's stdout", &reports[1], "next");
}

#[test]
fn more_output_than_a_pipe_holds_on_both_streams_is_no_deadlock() {
    let spec = support::spec!("05-spawn");
    let bytes = spec.number(300_000..600_000);
    let scripts = [
        ("first all of stdout, then all of stderr", "write o; write e >&2"),
        ("first all of stderr, then all of stdout", "write e >&2; write o"),
    ];
    for (order, script) in scripts {
        let check = spec
            .check(COLLECT, format!("ran a child that writes {bytes} bytes to each of its outputs: {order}"));
        // The shell itself writes, so that a failing report shows two processes that wait for each other.
        let write = "write() { t=$1; while [ ${#t} -lt $n ]; do t=$t$t; done; printf %.${n}s $t; }";
        let request = shell(&format!("n=$1; {write}; {script}"), &[&bytes.to_string()]);
        let report = &reports(&check, spec.program(), &[request])[0];
        for (stream, letter) in [("stdout", "o"), ("stderr", "e")] {
            let text = report[stream].as_str().unwrap_or_default();
            let what = format!("the number of bytes from the child's {stream}");
            check.equal(&what, &text.len(), &bytes);
            let whole = text.bytes().all(|byte| byte == letter.as_bytes()[0]);
            check.holds(&format!("only the letter {letter:?} from {stream}"), whole, text);
        }
    }
}

#[test]
fn nothing_is_left_over_after_100_children() {
    let spec = support::spec!("05-spawn");
    let did = "ran 100 requests, one after another: `exit 3`, death by SIGKILL, a program that is not there, \
               `exit 0`, and again from the first; the program's stdin stays open";
    let check = spec.check(COLLECT, did);
    let mut program = spec.program().start();
    ask(&mut program, &check, &shell("exit 0", &[]));
    let before = process::descriptors(program.pid());
    let kinds = [
        (ENDED, shell("exit 3", &[])),
        (ENDED, shell("kill -KILL $$", &[])),
        (NOT_FOUND, json!({"program": "is-not-there"})),
        (COLLECT, shell("", &[])),
    ];
    for (about, request) in kinds.iter().cycle().take(100) {
        ask(&mut program, &check.about(about), request);
    }
    let zombies = process::zombies(program.pid());
    let some: Vec<String> =
        zombies.iter().take(3).map(|zombie| format!("pid {} {}", zombie.pid, zombie.command)).collect();
    let came = format!("{} zombies, among them {}", zombies.len(), some.join(", "));
    check.holds("no zombie: the program waits for each child", zombies.is_empty(), came);
    let none = process::children(program.pid()).is_empty();
    check.holds("no child still runs", none, "see the processes below");
    let after = process::descriptors(program.pid());
    if let (Some(before), Some(after)) = (before, after) {
        let more = after.iter().filter(|open| !before.contains(open)).take(8);
        let more: Vec<String> = more.map(|(number, target)| format!("{number} ({target})")).collect();
        let expected = format!("{} open descriptors, as after the first child", before.len());
        let came = format!("{}, among them {}", after.len(), more.join(", "));
        check.holds(&expected, after.len() <= before.len(), came);
    }
    program.finish(&check).code(0);
}

#[test]
fn exit_codes_and_signals_are_told_apart() {
    let spec = support::spec!("05-spawn");
    let code = spec.number(1..100);
    let cases = [
        ("exit 0".to_owned(), json!({"exit": 0})),
        (format!("exit {code}"), json!({"exit": code})),
        ("exit 137".into(), json!({"exit": 137})),
        ("kill -KILL $$".into(), json!({"signal": "SIGKILL"})),
        ("kill -TERM $$".into(), json!({"signal": "SIGTERM"})),
        ("kill -USR1 $$".into(), json!({"signal": "SIGUSR1"})),
    ];
    let word = spec.word();
    for (script, expected) in cases {
        let check = spec.check(ENDED, format!("ran `sh -c 'echo {word}; {script}'`"));
        let request = shell(&format!("echo {word}; {script}"), &[]);
        let report = &reports(&check, spec.program(), &[request])[0];
        check.json("\"ended\"", &report["ended"], &expected);
        prints(&check, "its stdout up to then", report, &word);
    }
}

#[test]
fn a_program_that_does_not_exist_is_told_from_one_that_fails() {
    let spec = support::spec!("05-spawn");
    let missing = format!("{}-is-not-there", spec.word());
    let check = spec.check(NOT_FOUND, format!("ran {missing:?}, then `sh -c 'exit 127'`, then \"/\""));
    let requests =
        [json!({"program": missing}), shell("exit 127", &[]), json!({"program": "/"}), shell("echo on", &[])];
    let reports = reports(&check, spec.program(), &requests);
    let nothing = json!({"pid": null, "ended": {"error": "not found"}, "stdout": "", "stderr": ""});
    check.json("the report", &reports[0], &nothing);
    let ended = &reports[1]["ended"];
    let about = if ended.get("error").is_some() { NOT_FOUND } else { ENDED };
    check.about(about).json("how `exit 127` ended", ended, &json!({"exit": 127}));
    let error = reports[2]["ended"]["error"].as_str().unwrap_or_default();
    let other = !error.is_empty() && error != "not found";
    check.holds("an error for \"/\", which is there and is no program", other, &reports[2]["ended"]);
    prints(&check, "the output of the next child", &reports[3], "on");
}

#[test]
fn a_line_that_is_not_a_request_is_bad_input() {
    let spec = support::spec!("05-spawn");
    let word = spec.word();
    let bad = ["{\"program\": ", "[]", "[\"sh\"]", "{\"args\": []}", "{\"program\": \"sh\", \"args\": [1]}"];
    for bad in bad {
        let did = format!("gave the program a good request, an empty line, a line of spaces, and then {bad}");
        let check = spec.check(START, did);
        let input = format!("{}\n\n \t\r\n{bad}", shell("echo $1", &[&word]));
        let finished = spec.program().stdin(input).run(&check).code(2);
        let finished = finished.reports_error(&["cannot parse line 4: "]);
        let stdout = finished.stdout();
        let report = parse(&check, stdout.trim_end());
        prints(&check, "the output of the good request", &report, &word);
    }
}

#[test]
fn a_report_that_cannot_be_printed_is_an_error() {
    let spec = support::spec!("05-spawn");
    let requests = lines(&[shell("exit 0", &[]), shell("exit 0", &[])]);
    let program = || spec.program().stdin(requests.clone());
    spec.cannot_print(COLLECT, "gave the program two requests", &["cannot print"], program);
}

#[test]
fn nothing_to_do_is_done_at_once() {
    let spec: Spec = support::spec!("05-spawn");
    let check = spec.check(START, "ran the program with nothing on stdin");
    spec.program().stdin("").run(&check).code(0).stdout_is("nothing", &is_empty());
}
