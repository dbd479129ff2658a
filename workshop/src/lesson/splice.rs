//! One step of the solution, put into what a learner has made of the starter.

use course::Gap;
use similar::{Algorithm, capture_diff_slices};
use std::collections::BTreeMap;
use std::ops::Range;

/// The learner's text with this step as the solution has it. `None` when its place cannot be found.
///
/// The lines of the starter that the learner has left alone show where things are: what stands between the last one before
/// the gap and the first one after it is the learner's version of the step.
pub fn splice(starter: &str, gaps: &[Gap], step: u32, mine: &str) -> Option<String> {
    let [starter, mine] = [starter, mine].map(|text| text.lines().collect::<Vec<&str>>());
    let gap_at = |line: usize| gaps.iter().find(|gap| gap.lines.contains(&line));
    let is_given = |line: &usize| gap_at(*line).is_none();
    let still_there = still_there(&starter, &mine);

    let mut pieces: BTreeMap<usize, (Range<usize>, Vec<&str>)> = BTreeMap::new();
    for gap in gaps.iter().filter(|gap| gap.step == Some(step)) {
        let known = |line: &usize| is_given(line) && still_there.contains_key(line);
        let before = (0..gap.lines.start).rev().find(known)?;
        let after = (gap.lines.end..starter.len()).find(known)?;
        // A line such as `}` is there more than once: a line with words says where to count braces from.
        let words = (0..before).rev().find(|line| known(line) && has_words(starter[*line]));
        let from = words.filter(|_| !has_words(starter[before])).unwrap_or(before);
        let begin = begin_of_piece(&starter[from..=before], &mine, still_there[&from], still_there[&before]);
        let end = end_of_piece(&mine, begin, starter[after], still_there[&after]);

        let mut lines = Vec::new();
        for (index, line) in starter.iter().enumerate().take(after).skip(before + 1) {
            match gap_at(index) {
                None => lines.push(*line),
                Some(gap) if gap.step != Some(step) => return None,
                Some(gap) if gap.lines.start == index => {
                    lines.extend(gap.solution.iter().map(String::as_str))
                }
                Some(_) => {}
            }
        }
        pieces.insert(begin, (begin..end, lines));
    }
    let mut solved = mine.clone();
    for (range, lines) in pieces.into_values().rev() {
        solved.splice(range, lines);
    }
    // More or fewer braces than before: the place was not found after all.
    let braces = open_braces(&solved);
    let is_whole = [&starter, &mine].into_iter().any(|text| open_braces(text) == braces);
    is_whole.then(|| solved.into_iter().map(|line| format!("{line}\n")).collect())
}

/// Which of the starter's lines are still there, and where. How far a line is indented does not matter.
fn still_there(starter: &[&str], mine: &[&str]) -> BTreeMap<usize, usize> {
    let [starter, mine] =
        [starter, mine].map(|lines| lines.iter().map(|line| line.trim()).collect::<Vec<_>>());
    let mut places = BTreeMap::new();
    for operation in capture_diff_slices(Algorithm::Patience, &starter, &mine) {
        if let similar::DiffOp::Equal { old_index, new_index, len } = operation {
            places.extend((0..len).map(|line| (old_index + line, new_index + line)));
        }
    }
    places
}

/// A piece begins behind the first line that is like the last of `given`, and has as many braces open before it.
fn begin_of_piece(given: &[&str], mine: &[&str], from: usize, found: usize) -> usize {
    let (last, before) = given.split_last().expect("a range with its end has a line");
    let is_last = |line: &usize| {
        mine[*line].trim() == last.trim() && open_braces(&mine[from..*line]) == open_braces(before)
    };
    (from..found).find(is_last).unwrap_or(found) + 1
}

fn has_words(line: &str) -> bool {
    line.contains(char::is_alphanumeric)
}

/// A line such as `}` is there more than once: a piece ends before the first one that leaves no brace open.
fn end_of_piece(mine: &[&str], begin: usize, after: &str, found: usize) -> usize {
    let is_end = |end: &usize| mine[*end].trim() == after.trim() && open_braces(&mine[begin..*end]) == 0;
    (begin..found).find(is_end).unwrap_or(found)
}

/// How many braces are opened and not closed. Those in texts count too, but come in pairs there, as in `{error}`.
fn open_braces(lines: &[&str]) -> isize {
    let count = |letter| lines.iter().map(|line| line.matches(letter).count()).sum::<usize>();
    count('{').cast_signed() - count('}').cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson;
    use course::Source;
    use std::path::Path;

    const SOLUTION: &str = "\
use std::io;

/// Adds.
fn add(one: u32, other: u32) -> u32 {
    // ANCHOR: step_1 todo!(\"1: add\")
    one + other
    // ANCHOR_END: step_1
}

/// Counts.
fn count(numbers: &[u32]) -> u32 {
    let mut sum = 0;
    for number in numbers {
        // ANCHOR: step_2 todo!(\"2: count\");
        sum = add(sum, *number);
        // ANCHOR_END: step_2
    }
    sum
}

/// The last one.
fn last(numbers: &[u32]) -> u32 {
    // ANCHOR: step_3 todo!(\"3: the last one\")
    numbers[numbers.len() - 1]
    // ANCHOR_END: step_3
}
";

    const TODO: &str = "todo!(\"1: add\")";

    /// The starter after this change, with this step solved.
    fn solved(step: u32, old: &str, new: &str) -> Option<String> {
        let source = Source::parse(SOLUTION).unwrap();
        let starter = source.text(|_| false);
        assert!(starter.contains(old), "{old}");
        splice(&starter, &source.gaps(), step, &starter.replace(old, new))
    }

    fn starter_with(step: u32) -> String {
        Source::parse(SOLUTION).unwrap().text(|other| other == Some(step))
    }

    #[test]
    fn what_was_written_for_a_step_goes() {
        for step in 1..=3 {
            assert_eq!(solved(step, TODO, TODO), Some(starter_with(step)));
        }
        let braces = "if one > 1 {\n        return 7;\n    }\n    one";
        // Also when its braces stand where nobody would put them, or one is missing.
        let flat = "if one > 1 {\nreturn 7;\n}\nif other > 1 {\n}\none";
        let missing = "if one > 1 {\n        return 7;\n    one";
        for mine in [braces, flat, missing, "one", ""] {
            assert_eq!(solved(1, TODO, mine), Some(starter_with(1)), "{mine}");
        }
        // Given lines that were changed around it come back.
        let given = "    for number in numbers {\n        todo!(\"2: count\");\n    }\n";
        assert_eq!(solved(2, given, "    sum += numbers.len();\n"), Some(starter_with(2)));
        assert_eq!(solved(1, "fn add(one", "fn add(mut one"), Some(starter_with(1)));
    }

    #[test]
    fn everything_else_stays() {
        for mine in ["other + one", "if one > 1 {\n        return 7;\n    one"] {
            assert_eq!(solved(3, TODO, mine), Some(starter_with(3).replace(TODO, mine)));
        }
        let (import, more) = ("use std::io;", "use std::fs;\nuse std::io;");
        assert_eq!(solved(3, import, more), Some(starter_with(3).replace(import, more)));
        let helper = "}\n\nfn helper() -> u32 {\n    7\n}\n\n/// Counts.";
        let after = format!("{TODO}\n}}\n\n/// Counts.");
        let expected = starter_with(1).replace("}\n\n/// Counts.", helper);
        assert_eq!(solved(1, &after, &format!("one\n{helper}")), Some(expected));
        // Indents do not matter.
        let tabs = solved(2, "    ", "\t").unwrap();
        assert_eq!(tabs.replace('\t', "    "), starter_with(2));
        let source = Source::parse(SOLUTION).unwrap();
        assert_eq!(splice(&source.text(|_| false), &source.gaps(), 2, "fn main() {}\n"), None);
    }

    #[test]
    fn all_steps_of_every_lesson_one_after_another_are_the_solution() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for lesson in lesson::all(root).unwrap() {
            let marked = lesson.marked(root).unwrap();
            for (file, solution) in marked.solution() {
                let (starter, gaps) = marked.outline(&file).unwrap();
                let solve = |text: String, step| splice(&starter, &gaps, step, &text).unwrap();
                let steps: Vec<u32> = marked.steps().into_iter().collect();
                assert_eq!(steps.iter().copied().fold(starter.clone(), solve), solution, "{}", lesson.name);
                assert_eq!(steps.iter().copied().rev().fold(starter.clone(), solve), solution);
                assert_eq!(steps.iter().copied().fold(solution.clone(), solve), solution);
            }
        }
    }
}
