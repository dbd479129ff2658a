//! Lesson 00: are you and your machine ready?
//!
//! Reads a number from the first line of stdin and words from the others. It keeps the words that have at least that many
//! letters, sorts them on a thread, and counts their letters and their vowels on two more.
//! Nothing is new here: later lessons assume that you know this. The chapter is book/src/00-ready.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let text = io::read_to_string(io::stdin()).map_err(|error| format!("cannot read stdin: {error}"))?;
    let (least, rest) = parse(&text)?;
    let words = long_words(rest, least);
    note("keeps", &words);
    let words = sort_on_a_thread(words);
    note("gets back", &words);
    let number = words.len();
    let (letters, vowels) = count_both(words);
    let line = format!("words: {number}, letters: {letters}, vowels: {vowels}");
    writeln!(io::stdout(), "{line}").map_err(|error| format!("cannot print: {error}"))
}

/// Returns the number on the first line, and the other lines.
fn parse(text: &str) -> Result<(usize, &str), String> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let first = first.trim();
    todo!("1: parse the first line as a number, or say why it isn't one")
}

/// The words that have at least this many letters.
fn long_words(text: &str, least: usize) -> Vec<String> {
    todo!("2: call `keep` with a closure")
}

/// Calls `sorted` on a thread of its own, and waits for it.
fn sort_on_a_thread(words: Vec<String>) -> Vec<String> {
    todo!("3: call `sorted` on a thread of its own")
}

/// Calls `count_letters` on one thread and `count_vowels` on another. Both read the same words.
fn count_both(words: Vec<String>) -> (usize, usize) {
    todo!("4: count letters and vowels on two threads that share the words")
}

// The rest is already written.

/// The words of a text for which `is_wanted` returns true.
fn keep(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    text.split_whitespace().filter(|word| is_wanted(word)).map(str::to_owned).collect()
}

/// The same words in alphabetical order.
fn sorted(words: &[String]) -> Vec<String> {
    note("sorts", words);
    let mut words = words.to_vec();
    words.sort();
    words
}

/// How many letters the words have.
fn count_letters(words: &[String]) -> usize {
    note("counts the letters of", words);
    words.iter().map(|word| word.chars().count()).sum()
}

/// How many of the letters are vowels.
fn count_vowels(words: &[String]) -> usize {
    note("counts the vowels of", words);
    words.iter().flat_map(|word| word.chars()).filter(|letter| "aeiou".contains(*letter)).count()
}

/// Says on stderr which thread does what.
fn note(what: &str, words: &[String]) {
    eprintln!("{:?} {what} {words:?}", thread::current().id());
}
