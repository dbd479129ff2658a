//! The bank of answers: tests/answers/NN-name.toml.

use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use workshop::failure::Failure;
use workshop::lesson::Lesson;

/// What is known about a lesson's spec.
#[derive(Debug, Default)]
pub struct Bank {
    pub answers: Vec<Answer>,
    /// The checks that the starter fails. It passes all others.
    pub starter_fails: Vec<String>,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    #[serde(default)]
    starter_fails: Vec<String>,
    #[serde(default)]
    wrong: Vec<Entry>,
    #[serde(default)]
    right: Vec<Entry>,
}

/// An answer as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    file: String,
    find: Option<String>,
    replace: Option<String>,
    path: Option<PathBuf>,
    #[serde(default)]
    says: Vec<String>,
}

/// An answer to a lesson: a change to its solution.
#[derive(Debug)]
pub struct Answer {
    pub name: String,
    pub kind: Kind,
    /// The file that it changes, below the package's folder. Empty: nothing is changed.
    pub file: String,
    pub change: Change,
}

/// What the spec must say about an answer.
#[derive(Debug)]
pub enum Kind {
    /// It must fail, with all of these words.
    Wrong(Vec<String>),
    /// It must pass.
    Right,
    /// It must fail, with any words.
    Mutant,
}

/// How an answer differs from the solution.
#[derive(Debug)]
pub enum Change {
    /// The solution itself.
    None,
    /// This text, which occurs once, becomes that one.
    Replace { find: String, replace: String },
    /// What stands between these places becomes this text.
    Span { from: Place, to: Place, text: String },
    /// The whole file is another one.
    Whole(String),
}

/// A place in a file: its line and column, both counted from 1, the column in letters.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The place as an offset in bytes.
    fn offset(self, text: &str) -> Option<usize> {
        let line = text.split_inclusive('\n').nth(self.line.checked_sub(1)?)?;
        let before: usize = text.split_inclusive('\n').take(self.line - 1).map(str::len).sum();
        let inside: usize = line.chars().take(self.column.checked_sub(1)?).map(char::len_utf8).sum();
        Some(before + inside)
    }
}

impl Answer {
    /// The solution itself, which is right.
    pub fn solution() -> Self {
        Self {
            name: "the solution itself".into(),
            kind: Kind::Right,
            file: String::new(),
            change: Change::None,
        }
    }

    /// `wrong`, `right` or `mutant`.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Wrong(_) => "wrong",
            Kind::Right => "right",
            Kind::Mutant => "mutant",
        }
    }

    /// The changed file's text.
    ///
    /// # Errors
    /// When the text to be replaced is not there exactly once.
    pub fn apply(&self, solution: &str) -> Result<String, String> {
        match &self.change {
            Change::None => Ok(solution.to_owned()),
            Change::Whole(text) => Ok(text.clone()),
            Change::Span { from, to, text } => {
                let range = from.offset(solution).zip(to.offset(solution)).filter(|(from, to)| from <= to);
                let (from, to) = range.ok_or_else(|| format!("there is no such place in {}", self.file))?;
                Ok(format!("{}{text}{}", &solution[..from], &solution[to..]))
            }
            Change::Replace { find, replace } => {
                // Who writes an answer does not have to know where the marks are.
                let solution = steps::Source::parse(solution)?.text(|_| true);
                match solution.matches(find.as_str()).count() {
                    1 => Ok(solution.replacen(find.as_str(), replace, 1)),
                    0 => Err(format!("its `find` is not in the solution's {}", self.file)),
                    count => Err(format!("its `find` is {count} times in the solution's {}", self.file)),
                }
            }
        }
    }
}

/// Reads the bank of a lesson. One that is not there is empty.
///
/// # Errors
/// When the file is not as it should be.
pub fn read(root: &Path, lesson: &Lesson) -> Result<Bank, Failure> {
    let folder = root.join("tests/answers");
    let path = folder.join(format!("{}.toml", lesson.name));
    let Ok(text) = fs::read_to_string(&path) else { return Ok(Bank::default()) };
    parse(&text.replace("\r\n", "\n"), &folder)
        .map_err(|why| Failure::input(format!("cannot use {}: {why}", path.display())))
}

fn parse(text: &str, folder: &Path) -> Result<Bank, String> {
    let Entries { starter_fails, wrong, right } =
        basic_toml::from_str(text).map_err(|error| error.to_string())?;
    let wrong = wrong.into_iter().map(|entry| match entry.says.as_slice() {
        [] => Err(format!("\"{}\" is wrong, but has no \"says\"", entry.name)),
        says => answer(Kind::Wrong(says.to_owned()), entry, folder),
    });
    let right = right.into_iter().map(|entry| answer(Kind::Right, entry, folder));
    Ok(Bank { answers: wrong.chain(right).collect::<Result<_, _>>()?, starter_fails })
}

fn answer(kind: Kind, entry: Entry, folder: &Path) -> Result<Answer, String> {
    let Entry { name, file, .. } = entry;
    let change = match (entry.path, entry.find, entry.replace) {
        (Some(path), None, None) => {
            let cannot = |error| format!("\"{name}\": {}: {error}", path.display());
            Change::Whole(fs::read_to_string(folder.join(&path)).map_err(cannot)?)
        }
        (None, Some(find), Some(replace)) => Change::Replace { find, replace },
        _ => return Err(format!("\"{name}\" needs either \"find\" and \"replace\", or \"path\"")),
    };
    Ok(Answer { name, kind, file, change })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Answer>, String> {
        parse(text, Path::new("/nowhere")).map(|bank| bank.answers)
    }

    #[test]
    fn an_answer_is_a_change_that_applies_exactly_once() {
        let bank =
            "[[wrong]]\nname = \"n\"\nfile = \"src/main.rs\"\nfind = '''a'''\nreplace = ''\nsays = ['x']";
        let answers = parsed(bank).unwrap();
        assert_eq!(answers[0].apply("(a)\n// ANCHOR: c\nb\n").unwrap(), "()\nb\n");
        assert!(answers[0].apply("b").unwrap_err().contains("is not in the solution's src/main.rs"));
        assert!(answers[0].apply("aa").unwrap_err().contains("2 times"));
    }

    #[test]
    fn what_stands_between_two_places_can_be_replaced() {
        let place = |line, column| Place { line, column };
        let change = Change::Span { from: place(2, 2), to: place(3, 2), text: "-".into() };
        let answer = Answer { name: "n".into(), kind: Kind::Mutant, file: "f".into(), change };
        assert_eq!(answer.apply("a\nüöb\ncd\n").unwrap(), "a\nü-d\n");
        assert!(answer.apply("a\n").unwrap_err().contains("no such place"));
    }

    #[test]
    fn what_is_missing_in_a_bank_is_named() {
        for (text, why) in [
            ("[[wrong]]\nfile = 'x'", "missing field `name`"),
            ("[[right]]\nname = 'n'\nfile = 'f'\nfind = 'a'", "\"n\" needs either"),
            ("[[wrong]]\nname = 'n'\nfile = 'f'\nfind = 'a'\nreplace = 'b'", "\"n\" is wrong, but has no"),
            ("starter_fails = 'all'", "invalid type: string \"all\""),
            ("[[wrnog]]\nname = 'n'", "unknown field `wrnog`"),
        ] {
            let said = parsed(text).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
