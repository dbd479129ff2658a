//! One step of the solution, put into what a learner has made of the starter.

use similar::{Algorithm, capture_diff_slices};
use std::collections::BTreeMap;
use std::ops::Range;
use steps::Gap;

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
    use std::path::Path;
    use steps::Source;

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

    /// The starter after these changes, with this step solved.
    fn solved(step: u32, changes: &[(&str, &str)]) -> Option<String> {
        let source = Source::parse(SOLUTION).unwrap();
        let starter = source.text(|_| false);
        let mine = changes.iter().fold(starter.clone(), |text, (old, new)| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        });
        splice(&starter, &source.gaps(), step, &mine)
    }

    fn starter_with(step: u32) -> String {
        Source::parse(SOLUTION).unwrap().text(|other| other == Some(step))
    }

    #[test]
    fn only_this_step_is_replaced() {
        for step in 1..=3 {
            assert_eq!(solved(step, &[]), Some(starter_with(step)));
        }
        let mine = [("todo!(\"1: add\")", "other + one"), ("use std::io;", "use std::fs;\nuse std::io;")];
        let expected = starter_with(3).replace(mine[0].0, mine[0].1).replace(mine[1].0, mine[1].1);
        assert_eq!(solved(3, &mine), Some(expected));
    }

    #[test]
    fn what_was_written_goes() {
        let braces = "if one > 1 {\n        return 7;\n    }\n    one";
        // Also when its braces stand where nobody would put them.
        let flat = "if one > 1 {\nreturn 7;\n}\nif other > 1 {\n}\none";
        for mine in [braces, flat, "one", ""] {
            assert_eq!(solved(1, &[("todo!(\"1: add\")", mine)]), Some(starter_with(1)), "{mine}");
        }
    }

    #[test]
    fn functions_of_ones_own_stay() {
        let helper = "one\n}\n\nfn helper() -> u32 {\n    7\n}\n\n/// Counts.";
        let changes = [("todo!(\"1: add\")\n}\n\n/// Counts.", helper)];
        let expected =
            starter_with(1).replace("/// Counts.", "fn helper() -> u32 {\n    7\n}\n\n/// Counts.");
        assert_eq!(solved(1, &changes), Some(expected));
    }

    #[test]
    fn given_lines_that_were_changed_around_it_come_back() {
        let changes = [(
            "    for number in numbers {\n        todo!(\"2: count\");\n    }\n",
            "    sum += numbers.len();\n",
        )];
        assert_eq!(solved(2, &changes), Some(starter_with(2)));
        let signature =
            [("fn add(one: u32, other: u32) -> u32 {", "fn add(mut one: u32, other: u32) -> u32 {")];
        assert_eq!(solved(1, &signature), Some(starter_with(1)));
    }

    #[test]
    fn indents_do_not_matter() {
        let mine = Source::parse(SOLUTION).unwrap().text(|_| false).replace("    ", "\t");
        let source = Source::parse(SOLUTION).unwrap();
        let solved = splice(&source.text(|_| false), &source.gaps(), 2, &mine).unwrap();
        assert_eq!(solved.replace('\t', "    "), starter_with(2));
    }

    #[test]
    fn a_brace_that_is_missing_is_no_harm() {
        let mine = "if one > 1 {\n        return 7;\n    one";
        assert_eq!(solved(1, &[("todo!(\"1: add\")", mine)]), Some(starter_with(1)));
        let expected = starter_with(3).replace("todo!(\"1: add\")", mine);
        assert_eq!(solved(3, &[("todo!(\"1: add\")", mine)]), Some(expected));
    }

    #[test]
    fn a_place_that_is_gone_is_not_found() {
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
