//! Step 2: keep the words that have at least as many letters as the first line says.

use super::*;

#[test]
fn only_words_with_enough_letters_are_kept() {
    let spec = support::spec!();
    let word = spec.word();
    let least = word.len();
    let words = [format!("{word}s"), word[1..].to_owned(), word, "a".into()];
    keeps(&spec, least, &words, &[&words[0], &words[2]]);
}

#[test]
fn letters_are_counted_and_not_bytes() {
    let spec = support::spec!();
    // Three, four and five letters. In UTF-8, that is five, five and six bytes.
    keeps(&spec, 4, &["süß", "Grün", "müdes"].map(str::to_owned), &["Grün", "müdes"]);
}

fn keeps(spec: &Spec, least: usize, words: &[String], expected: &[&str]) {
    let text = words.join(" ");
    let check = spec.early_check(format!("ran the program with these two lines on stdin: {least}, {text}"));
    let finished = run(spec, &check, &format!("{least}\n{text}\n"));
    let (_, kept) = noted(&check, &finished, "keeps");
    is_list(&check, &format!("the list of words that have at least {least} letters"), &kept, expected);
}
