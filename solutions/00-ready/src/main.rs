//! Lesson 00: are you and your machine ready?
//!
//! Reads a number from the first line of stdin and words from the others. It keeps the words that have at least that many
//! letters, sorts them on a thread, and counts their letters and their vowels on two more.
//! Nothing is new here: later lessons assume that you know this. The chapter is book/src/00-ready.md.

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

// ANCHOR: parse
/// Returns the number on the first line, and the other lines.
fn parse(text: &str) -> Result<(usize, &str), String> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let first = first.trim();
    // ANCHOR: step_1 todo!("1: parse the first line as a number, or say why it isn't one")
    let least = first.parse().map_err(|error| format!("cannot parse the number {first:?}: {error}"))?;
    Ok((least, rest))
    // ANCHOR_END: step_1
}
// ANCHOR_END: parse

// ANCHOR: long_words
/// The words that have at least this many letters.
fn long_words(text: &str, least: usize) -> Vec<String> {
    // ANCHOR: step_2 todo!("2: call `keep` with a closure")
    keep(text, |word| word.chars().count() >= least)
    // ANCHOR_END: step_2
}
// ANCHOR_END: long_words

// ANCHOR: sort
/// Calls `sorted` on a thread of its own, and waits for it.
fn sort_on_a_thread(words: Vec<String>) -> Vec<String> {
    // ANCHOR: step_3 todo!("3: call `sorted` on a thread of its own")
    thread::spawn(move || sorted(&words)).join().unwrap()
    // ANCHOR_END: step_3
}
// ANCHOR_END: sort

// ANCHOR: count
/// Calls `count_letters` on one thread and `count_vowels` on another. Both read the same words.
fn count_both(words: Vec<String>) -> (usize, usize) {
    // ANCHOR: step_4 todo!("4: count letters and vowels on two threads that share the words")
    let words = Arc::new(words);
    let shared = Arc::clone(&words);
    let letters = thread::spawn(move || count_letters(&shared));
    let vowels = thread::spawn(move || count_vowels(&words));
    (letters.join().unwrap(), vowels.join().unwrap())
    // ANCHOR_END: step_4
}
// ANCHOR_END: count

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
