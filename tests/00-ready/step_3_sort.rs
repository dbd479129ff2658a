//! Step 3: sort the words on a thread of their own, and return the sorted words.

use super::*;

#[test]
fn the_words_are_sorted_on_a_thread_of_their_own() {
    let spec = support::spec!();
    let mut words = [(); 4].map(|()| spec.word());
    words.sort();
    let text = [&*words[2], &words[0], &words[3], &words[1]].join(" ");
    let check = spec.early_check(format!("ran the program with these two lines on stdin: 1, {text}"));
    let finished = run(&spec, &check, &format!("1\n{text}\n"));
    has_its_own_thread(&check, &finished, "sorts", &["keeps"]);
    let (_, sorted) = noted(&check, &finished, "gets back");
    is_list(&check, "the list of words that the main thread gets back", &sorted, &words);
}
