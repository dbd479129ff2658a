//! `cargo xtask limits`: does each lesson fit in the head?

use crate::starters::names;
use std::collections::BTreeMap;
use std::path::Path;
use steps::Lesson;

/// How many lines a learner may have to write in one step.
const STEP: usize = 15;

/// Prints how many lines each lesson gives and asks for. An error when one is over a limit.
pub fn check(root: &Path) -> Result<(), String> {
    let mut problems = Vec::new();
    println!("lesson         given   to write   in each step");
    for name in names(&root.join("solutions"))? {
        let (given, steps) = count(&Lesson::read(root, &name)?);
        let to_write: usize = steps.values().sum();
        let each: Vec<String> = steps.values().map(usize::to_string).collect();
        println!("{name:<14} {given:>5}   {to_write:>8}   {}", each.join(" "));

        let most = if name.as_str() < "11" { 250 } else { 400 };
        let mut wrong = |is_wrong: bool, what: String| {
            if is_wrong {
                problems.push(format!("{name}: {what}"));
            }
        };
        wrong(given > most, format!("{given} lines are given, {most} is the limit"));
        wrong(!(3..=6).contains(&steps.len()), format!("{} steps, and not 3 to 6", steps.len()));
        wrong(!(15..=90).contains(&to_write), format!("{to_write} lines to write, and not 15 to 90"));
        for (step, lines) in steps {
            wrong(lines > STEP, format!("step {step} has {lines} lines to write, {STEP} is the limit"));
        }
    }
    problems.iter().for_each(|problem| println!("{problem}"));
    if problems.is_empty() { Ok(()) } else { Err("these lessons are too large".into()) }
}

/// The lines that are given, with comments and empty ones, and those that the solution has for each step.
fn count(lesson: &Lesson) -> (usize, BTreeMap<u32, usize>) {
    let (mut given, mut steps) = (0, BTreeMap::new());
    for file in lesson.starter().keys() {
        let Some((starter, gaps)) = lesson.outline(file) else { continue };
        given += starter.lines().count() - gaps.iter().map(|gap| gap.lines.len()).sum::<usize>();
        for gap in gaps {
            if let Some(step) = gap.step {
                *steps.entry(step).or_default() += gap.solution.len();
            }
        }
    }
    (given, steps)
}
