//! `cargo workshop solve`: the solution in the place of your files.

use crate::arguments;
use crate::failure::Failure;
use crate::keep::{self, Kept, Sources};
use crate::lesson::{self, Lesson};
use crate::terminal::say;
use crate::{reset, workspace};
use clap::{ArgMatches, Command, value_parser};
use std::ops::Range;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "solve",
        "Puts the solution in the place of your files. Yours are kept",
        "Examples:\n  cargo workshop solve 02\n  cargo workshop solve 02 --number 3\n\n\
         With --number, only the functions of this number are replaced, and all others stay yours. \
         `cargo workshop restore 02` brings your files back.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
    .arg(arguments::option("number", "N", "Only this number of the task").value_parser(value_parser!(u32)))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let solution = keep::solution(&root, &lesson)?;
    let Some(number) = matches.get_one::<u32>("number").copied() else {
        let kept = keep::replace(&root, &lesson, &solution)?;
        tell(&lesson, "solution", kept.as_ref());
        return Ok(());
    };
    let starter = reset::starter(&root, &lesson)?;
    let mine = keep::read(&lesson.folder(&root))?;
    let kept = keep::replace(&root, &lesson, &with_number(number, &lesson, &starter, mine, &solution)?)?;
    tell(&lesson, &format!("solution of number {number}"), kept.as_ref());
    Ok(())
}

/// `mine` with those functions as they are in the solution that have this number in the starter.
fn with_number(
    number: u32,
    lesson: &Lesson,
    starter: &Sources,
    mut mine: Sources,
    solution: &Sources,
) -> Result<Sources, Failure> {
    let mut found = false;
    for (file, bytes) in starter {
        let [starter, solution] =
            [bytes, solution.get(file).unwrap_or(bytes)].map(|bytes| String::from_utf8_lossy(bytes));
        for hole in lesson::holes_in(file, &starter).iter().filter(|hole| hole.number == number) {
            found = true;
            let cannot = |whose: &str| {
                Failure::input(format!(
                    "cannot find the function of number {number} in {whose} {}. The whole solution: \
                     cargo workshop solve {}",
                    file.display(),
                    lesson.number()
                ))
            };
            let name = Function::around(&starter, hole.line).ok_or_else(|| cannot("the starter's"))?;
            let text = mine.get(file).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let text = text.ok_or_else(|| cannot("your"))?;
            let place = name.lines_in(&text).ok_or_else(|| cannot("your"))?;
            let ours = name.lines_in(&solution).ok_or_else(|| cannot("the solution's"))?;
            let mut lines: Vec<&str> = text.lines().collect();
            lines.splice(place, solution.lines().skip(ours.start).take(ours.len()));
            mine.insert(file.clone(), format!("{}\n", lines.join("\n")).into_bytes());
        }
    }
    if found {
        return Ok(mine);
    }
    Err(Failure::input(format!("lesson {} has no number {number}", lesson.number())))
}

/// What a function is found by in every version of a file.
struct Function {
    /// How far it is indented.
    indent: usize,
    name: String,
    /// The line that begins the `impl` or `mod` that it belongs to, when it does.
    owner: Option<String>,
}

impl Function {
    /// The function that holds this line, counted from 1.
    fn around(source: &str, line: usize) -> Option<Self> {
        let lines: Vec<&str> = source.lines().collect();
        let inside = indent_of(lines.get(line - 1)?);
        let begins = |index: &usize| name_of(lines[*index]).is_some() && indent_of(lines[*index]) < inside;
        Self::at(&lines, (0..line).rev().find(begins)?)
    }

    fn at(lines: &[&str], index: usize) -> Option<Self> {
        let indent = indent_of(lines[index]);
        let is_owner = |line: &&&str| !line.trim().is_empty() && indent_of(line) < indent;
        let owner = lines[..index].iter().rev().find(is_owner).map(|line| line.trim().to_owned());
        Some(Self { indent, name: name_of(lines[index])?.to_owned(), owner: owner.filter(|_| indent > 0) })
    }

    /// The lines of this function in a source, from its `fn` to its brace, counted from 0.
    fn lines_in(&self, source: &str) -> Option<Range<usize>> {
        let lines: Vec<&str> = source.lines().collect();
        let is_this = |index: &usize| {
            Self::at(&lines, *index).is_some_and(|other| {
                (other.indent, &other.name, &other.owner) == (self.indent, &self.name, &self.owner)
            })
        };
        let begin = (0..lines.len()).find(is_this)?;
        let ends = |line: &&str| line.trim_end() == format!("{:1$}}}", "", self.indent);
        let length = lines[begin..].iter().position(ends)?;
        Some(begin..begin + length + 1)
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The name of the function that begins in this line.
fn name_of(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let (before, rest) = code.split_once("fn ")?;
    let is_qualifier = |word: &str| ["async", "unsafe", "const"].contains(&word) || word.starts_with("pub");
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    before.split_whitespace().all(is_qualifier).then(|| &rest[..end])
}

/// Says what is in place now, and where the rest went.
pub fn tell(lesson: &Lesson, what: &str, kept: Option<&Kept>) {
    match kept {
        None => say(format!("The {what} of lesson {} was in place already.", lesson.number())),
        Some(kept) => {
            say(format!("The {what} of lesson {} is in lessons/{}.", lesson.number(), lesson.name));
            say(format!("What you had is kept as of {}.", kept.when));
            say(format!("  cargo workshop restore {}", lesson.number()));
        }
    }
}
