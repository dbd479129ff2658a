//! The bank of answers: tests/answers/NN-name.toml.

use serde::Deserialize;
use std::fs;
use std::path::Path;
use workshop::failure::Failure;
use workshop::lesson::Lesson;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
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
    find: OneOrMore,
    replace: OneOrMore,
    step: Option<u32>,
    #[serde(default)]
    says: Vec<String>,
    /// A right answer of which a step is not right without later ones.
    #[serde(default)]
    whole: bool,
}

/// A text, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn all(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::More(texts) => texts,
        }
    }
}

/// An answer to a lesson: a change to its solution.
#[derive(Debug)]
pub struct Answer {
    pub name: String,
    pub kind: Kind,
    /// The file that it changes, below the package's folder. Empty: nothing is changed.
    pub file: String,
    pub change: Change,
    /// It says nothing about a lesson of which only some steps are written.
    pub whole: bool,
}

/// What the spec must say about an answer.
#[derive(Debug)]
pub enum Kind {
    /// It must fail in a check of this step and of none before it, with all of these words.
    Wrong { step: u32, says: Vec<String> },
    /// It must pass.
    Right,
    /// It is right, and written up to this step: no check may say that something is wrong.
    Begun { last: u32 },
    /// It must fail, with any words.
    Mutant,
}

/// How an answer differs from the solution.
#[derive(Clone, Debug)]
pub enum Change {
    /// Each first text, which occurs once, becomes the second one.
    Replace(Vec<(String, String)>),
    /// What stands between these places becomes this text.
    Span { from: Place, to: Place, text: String },
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
            change: Change::Replace(Vec::new()),
            // `cargo xtask starters --run` writes its steps.
            whole: true,
        }
    }

    /// The answer without the steps after this one. `None` for one that is not right, or only as a whole.
    pub fn begun(&self, last: u32) -> Option<Self> {
        let begun = || Self {
            name: format!("{}, up to step {last}", self.name),
            kind: Kind::Begun { last },
            file: self.file.clone(),
            change: self.change.clone(),
            whole: false,
        };
        (matches!(self.kind, Kind::Right) && !self.whole).then(begun)
    }

    /// `wrong`, `right` or `mutant`.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Wrong { .. } => "wrong",
            Kind::Right | Kind::Begun { .. } => "right",
            Kind::Mutant => "mutant",
        }
    }

    /// The changed file's text.
    ///
    /// # Errors
    /// When the text to be replaced is not there exactly once.
    pub fn apply(&self, solution: &str) -> Result<String, String> {
        match &self.change {
            Change::Span { from, to, text } => {
                let range = from.offset(solution).zip(to.offset(solution)).filter(|(from, to)| from <= to);
                let (from, to) = range.ok_or_else(|| format!("there is no such place in {}", self.file))?;
                Ok(format!("{}{text}{}", &solution[..from], &solution[to..]))
            }
            // Who writes an answer does not have to know where the marks are.
            Change::Replace(_) => self.apply_to(course::Source::parse(solution)?.text(|_| true)),
        }
    }

    /// The changed text, with whatever marks it has.
    ///
    /// # Errors
    /// When a text to be replaced is not there exactly once.
    pub fn apply_to(&self, text: String) -> Result<String, String> {
        let Change::Replace(changes) = &self.change else { return Ok(text) };
        changes.iter().try_fold(text, |text, (find, replace)| match text.matches(find.as_str()).count() {
            1 => Ok(text.replacen(find.as_str(), replace, 1)),
            0 => Err(format!("its `find` is not in the solution's {}: {find}", self.file)),
            count => Err(format!("its `find` is {count} times in the solution's {}", self.file)),
        })
    }
}

/// Reads the bank of a lesson. One that is not there is empty.
///
/// # Errors
/// When the file is not as it should be.
pub fn read(root: &Path, lesson: &Lesson) -> Result<Vec<Answer>, Failure> {
    let path = root.join(format!("tests/answers/{}.toml", lesson.name));
    let Ok(text) = fs::read_to_string(&path) else { return Ok(Vec::new()) };
    parse(&text.replace("\r\n", "\n"))
        .map_err(|why| Failure::input(format!("cannot use {}: {why}", path.display())))
}

fn parse(text: &str) -> Result<Vec<Answer>, String> {
    let Entries { wrong, right } = basic_toml::from_str(text).map_err(|error| error.to_string())?;
    let wrong = wrong.into_iter().map(|entry| match entry.step {
        None => Err(format!("\"{}\" is wrong, but has no \"step\"", entry.name)),
        Some(step) => answer(Kind::Wrong { step, says: entry.says.clone() }, entry),
    });
    let right = right.into_iter().map(|entry| answer(Kind::Right, entry));
    wrong.chain(right).collect()
}

fn answer(kind: Kind, entry: Entry) -> Result<Answer, String> {
    let Entry { name, file, whole, .. } = entry;
    let (find, replace) = (entry.find.all(), entry.replace.all());
    if find.len() != replace.len() {
        return Err(format!("\"{name}\" has {} \"find\" and {} \"replace\"", find.len(), replace.len()));
    }
    Ok(Answer { name, kind, file, change: Change::Replace(find.into_iter().zip(replace).collect()), whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_change_that_applies_exactly_once() {
        let bank = "[[wrong]]\nname = \"n\"\nfile = \"src/main.rs\"\nfind = '''a'''\nreplace = ''\nstep = 1";
        let answers = parse(bank).unwrap();
        assert_eq!(answers[0].apply("(a)\n// ANCHOR: c\nb\n").unwrap(), "()\nb\n");
        assert!(answers[0].apply("b").unwrap_err().contains("is not in the solution's src/main.rs"));
        assert!(answers[0].apply("aa").unwrap_err().contains("2 times"));
        let bank = "[[right]]\nname = 'n'\nfile = 'f'\nfind = ['a', 'b']\nreplace = ['1', '2']";
        assert_eq!(parse(bank).unwrap()[0].apply("b a").unwrap(), "2 1\n");
    }

    #[test]
    fn what_stands_between_two_places_can_be_replaced() {
        let place = |line, column| Place { line, column };
        let change = Change::Span { from: place(2, 2), to: place(3, 2), text: "-".into() };
        let answer = Answer { name: "n".into(), kind: Kind::Mutant, file: "f".into(), change, whole: false };
        assert_eq!(answer.apply("a\nüöb\ncd\n").unwrap(), "a\nü-d\n");
        assert!(answer.apply("a\n").unwrap_err().contains("no such place"));
    }

    #[test]
    fn what_is_missing_in_a_bank_is_named() {
        for (text, why) in [
            ("[[wrong]]\nfile = 'x'", "missing field `name`"),
            ("[[right]]\nname = 'n'\nfile = 'f'\nfind = 'a'", "missing field `replace`"),
            (
                "[[right]]\nname = 'n'\nfile = 'f'\nfind = ['a', 'b']\nreplace = 'c'",
                "\"n\" has 2 \"find\" and 1 \"replace\"",
            ),
            ("[[wrong]]\nname = 'n'\nfile = 'f'\nfind = 'a'\nreplace = 'b'", "\"n\" is wrong, but has no"),
            ("[[wrnog]]\nname = 'n'", "unknown field `wrnog`"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
