//! Step 4: count the letters on one thread and the vowels on another. Both share the words.

use super::*;

const LETTERS: &str = "counts the letters of";
const VOWELS: &str = "counts the vowels of";

#[test]
fn letters_and_vowels_are_counted() {
    let spec = support::spec!();
    let words = [(); 3].map(|()| spec.word());
    let text = words.join(" ");
    let check = spec.check(format!("ran the program with these two lines on stdin: 1, {text}"));
    let finished = run(&spec, &check, &format!("1\n{text}\n")).code(0).reports_no_error();
    let letters = words.concat().len();
    let vowels = words.concat().matches(['a', 'e', 'i', 'o', 'u']).count();
    let expected = format!("words: 3, letters: {letters}, vowels: {vowels}\n");
    check.equal("stdout", finished.stdout().as_str(), &expected);
}

#[test]
fn each_of_the_two_has_a_thread_of_its_own() {
    let spec = support::spec!();
    let text = format!("{} {}", spec.word(), spec.word());
    let check = spec.check(format!("ran the program with these two lines on stdin: 1, {text}"));
    let finished = run(&spec, &check, &format!("1\n{text}\n"));
    has_its_own_thread(&check, &finished, LETTERS, &["keeps"]);
    has_its_own_thread(&check, &finished, VOWELS, &["keeps", LETTERS]);
    let (_, all) = noted(&check, &finished, "gets back");
    for what in [LETTERS, VOWELS] {
        let (_, counted) = noted(&check, &finished, what);
        check.holds(&format!("a thread that {what} {all}"), counted == all, counted);
    }
}
