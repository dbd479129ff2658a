//! What graders read: a point for each check, part of the points for part of the work, and a total.

use super::{Outcome, describe};
use crate::run::spec::{Check, Verdict};
use crate::ui::terminal::{columns, say, wrap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::Path;

/// The points as a person reads them: one line for each check, a sum for each lesson, and a total.
pub fn tell(root: &Path, results: &[Outcome]) {
    for result in results {
        let (points, of) = result.points();
        say(format!("{}: {points} of {of} points", result.lesson.title(root)));
        for check in &result.checks {
            let words = wrap(&describe(check), 10, columns());
            say(format!("  {} of 1  {words}", u8::from(check.passed)));
        }
        match result.run.verdict {
            Verdict::DoesNotCompile => say("  It does not compile, so no check could run."),
            Verdict::Lacks(tool) => say(format!("  {}", super::lacking(tool))),
            _ => {}
        }
    }
    let (points, of) = total(results);
    say(format!("\nTotal: {points} of {of} points"));
}

/// The points as one JSON document. Programs of teachers read it: fields may be added, none may change.
pub fn json(results: &[Outcome]) -> Value {
    let (points, of) = total(results);
    let lessons: Vec<Value> = results.iter().map(lesson).collect();
    json!({"version": 1, "points": points, "of": of, "lessons": lessons})
}

fn lesson(result: &Outcome) -> Value {
    let (points, of) = result.points();
    let check = |check: &Check| {
        let report = if check.passed { Value::Null } else { json!(result.report(check)) };
        let points = u8::from(check.passed);
        json!({"name": check.name, "passed": check.passed, "points": points, "of": 1, "report": report})
    };
    let lacks = if let Verdict::Lacks(tool) = result.run.verdict { Some(tool) } else { None };
    json!({
        "lesson": result.lesson.name,
        "package": result.package,
        "compiles": !matches!(result.run.verdict, Verdict::DoesNotCompile),
        "green": result.green(),
        "lacks": lacks,
        "points": points,
        "of": of,
        "checks": result.checks.iter().map(check).collect::<Vec<_>>(),
    })
}

/// One line for `$GITHUB_OUTPUT`: the result as the reporter of GitHub Classroom reads it, JSON in base64. Its table
/// counts the tests that pass, and its points are the sum of their scores.
pub fn for_github_classroom(results: &[Outcome]) -> String {
    let (points, of) = total(results);
    let test = |(result, check): (&Outcome, &Check)| {
        let (status, message) = match check.passed {
            true => ("pass", Value::Null),
            false => ("fail", json!(result.report(check))),
        };
        let name = format!("{}: {}", result.lesson.name, describe(check));
        json!({"name": name, "status": status, "score": u8::from(check.passed), "message": message})
    };
    let checks = results.iter().flat_map(|result| result.checks.iter().map(move |check| (result, check)));
    let tests: Vec<Value> = checks.map(test).collect();
    let status = if points == of { "pass" } else { "fail" };
    let document = json!({"version": 1, "status": status, "max_score": of, "tests": tests});
    format!("result={}", STANDARD.encode(document.to_string()))
}

/// How many points all results have, and how many there are.
pub fn total(results: &[Outcome]) -> (usize, usize) {
    let add = |(points, of): (usize, usize), (more, more_of)| (points + more, of + more_of);
    results.iter().map(|result| result.points()).fold((0, 0), add)
}
