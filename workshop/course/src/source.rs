//! One file of a solution, cut at its marks.

use std::ops::Range;

/// Where a step is to be written.
pub struct Gap {
    /// `None`: it belongs to no step.
    pub step: Option<u32>,
    /// The starter's lines, counted from 0.
    pub lines: Range<usize>,
    /// What the solution has there.
    pub solution: Vec<String>,
}

/// A file of a solution: lines that everybody has, and lines that the learner writes.
#[derive(Clone)]
pub struct Source {
    parts: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    Given(String),
    Marked(Mark),
}

/// What stands between two marks in the solution, and what the starter has instead.
#[derive(Clone)]
struct Mark {
    /// `None`: it belongs to no step.
    step: Option<u32>,
    starter: Vec<String>,
    solution: Vec<String>,
}

impl Source {
    /// Cuts a file at its marks. Anchors that are no marks are only for the book: they are left out.
    ///
    /// # Errors
    /// When marks do not fit together. The text says where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut open: Option<(String, Mark)> = None;
        for (index, line) in text.lines().enumerate() {
            let wrong = |what: &str| format!("line {}: {what}: {}", index + 1, line.trim());
            match (anchor(line), &mut open) {
                (None, None) => parts.push(Part::Given(line.to_owned())),
                (None, Some((_, mark))) => mark.solution.push(line.to_owned()),
                (Some(Anchor::Book), _) => {}
                (Some(Anchor::Begin { name, indent, code }), None) => {
                    let step = step_of(name).map_err(|()| wrong("this mark has no number"))?;
                    let starter = starter_line(indent, code);
                    if step.is_some() && starter.is_empty() {
                        return Err(wrong("this mark does not say what the starter has"));
                    }
                    open = Some((name.to_owned(), Mark { step, starter, solution: Vec::new() }));
                }
                (Some(Anchor::Begin { name, indent, code }), Some((same, mark))) => {
                    if name != same || !mark.solution.is_empty() {
                        return Err(wrong("another mark is still open"));
                    }
                    mark.starter.extend(starter_line(indent, code));
                }
                (Some(Anchor::End { name }), open) => match open.take() {
                    Some((same, mark)) if same == name => parts.push(Part::Marked(mark)),
                    _ => return Err(wrong("this mark was never opened")),
                },
            }
        }
        match open {
            None => Ok(Self { parts }),
            Some((name, _)) => Err(format!("the mark {name} is never closed")),
        }
    }

    /// The numbers of the steps that are written in this file.
    pub fn steps(&self) -> impl Iterator<Item = u32> {
        self.marks().filter_map(|mark| mark.step)
    }

    /// The file with those steps solved for which `solved` says so. `None` asks for what belongs to no step.
    pub fn text(&self, solved: impl Fn(Option<u32>) -> bool) -> String {
        let mut text = String::new();
        for part in &self.parts {
            let lines = match part {
                Part::Given(line) => std::slice::from_ref(line),
                Part::Marked(mark) if solved(mark.step) => &mark.solution,
                Part::Marked(mark) => &mark.starter,
            };
            lines.iter().for_each(|line| text += &format!("{line}\n"));
        }
        text
    }

    /// The places in `text(|_| false)` where something is to be written.
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut line = 0;
        for part in &self.parts {
            match part {
                Part::Given(_) => line += 1,
                Part::Marked(mark) => {
                    let lines = line..line + mark.starter.len();
                    line = lines.end;
                    gaps.push(Gap { step: mark.step, lines, solution: mark.solution.clone() });
                }
            }
        }
        gaps
    }

    fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.parts.iter().filter_map(|part| if let Part::Marked(mark) = part { Some(mark) } else { None })
    }
}

enum Anchor<'a> {
    /// The lines of a step begin. The starter has `code` instead.
    Begin {
        name: &'a str,
        indent: &'a str,
        code: &'a str,
    },
    End {
        name: &'a str,
    },
    /// Only the book wants to know.
    Book,
}

/// The anchor in this line, if it has one.
fn anchor(line: &str) -> Option<Anchor<'_>> {
    let comment = line.trim_start();
    let indent = &line[..line.len() - comment.len()];
    let comment = comment.strip_prefix("// ").or_else(|| comment.strip_prefix("# "))?;
    if let Some(name) = comment.strip_prefix("ANCHOR_END: ") {
        let name = name.trim_end();
        return Some(if is_mark(name) { Anchor::End { name } } else { Anchor::Book });
    }
    let rest = comment.strip_prefix("ANCHOR: ")?;
    let (name, code) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(if is_mark(name) { Anchor::Begin { name, indent, code } } else { Anchor::Book })
}

fn is_mark(name: &str) -> bool {
    name == "starter" || name.starts_with("step_")
}

fn step_of(name: &str) -> Result<Option<u32>, ()> {
    match name.strip_prefix("step_") {
        Some(number) => number.parse().map(Some).map_err(|_| ()),
        None => Ok(None),
    }
}

fn starter_line(indent: &str, code: &str) -> Vec<String> {
    if code.is_empty() { Vec::new() } else { vec![format!("{indent}{code}")] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
// ANCHOR: book
fn double(number: u64) -> u64 {
    // ANCHOR: step_2 let result: u64 =
    // ANCHOR: step_2     todo!(\"2: double it\");
    let result = number * 2;
    // ANCHOR_END: step_2
    result
}
// ANCHOR_END: book
";

    #[test]
    fn each_step_is_as_the_starter_has_it_or_solved() {
        let source = Source::parse(TEXT).unwrap();
        let starter = "fn double(number: u64) -> u64 {\n    let result: u64 =\n        todo!(\"2: double it\");\n    result\n}\n";
        let solution = "fn double(number: u64) -> u64 {\n    let result = number * 2;\n    result\n}\n";
        assert_eq!(source.steps().collect::<Vec<_>>(), [2]);
        assert_eq!(source.text(|_| false), starter);
        assert_eq!(source.text(|step| step == Some(1)), starter);
        assert_eq!(source.text(|step| step == Some(2)), solution);
        let gaps: Vec<_> = source.gaps().into_iter().map(|gap| (gap.step, gap.lines, gap.solution)).collect();
        assert_eq!(gaps, [(Some(2), 1..3, vec!["    let result = number * 2;".to_owned()])]);
    }

    #[test]
    fn marks_that_do_not_fit_together_are_named() {
        for (text, expected) in [
            ("// ANCHOR: step_1 a\nb\n", "the mark step_1 is never closed"),
            ("a\n// ANCHOR_END: step_1\n", "line 2: this mark was never opened: // ANCHOR_END: step_1"),
            (
                "// ANCHOR: step_1 a\nb\n// ANCHOR: step_2 c\n",
                "line 3: another mark is still open: // ANCHOR: step_2 c",
            ),
            ("// ANCHOR: step_1\n", "line 1: this mark does not say what the starter has: // ANCHOR: step_1"),
            ("// ANCHOR: step_one a\n", "line 1: this mark has no number: // ANCHOR: step_one a"),
        ] {
            assert_eq!(Source::parse(text).err().as_deref(), Some(expected));
        }
    }
}
