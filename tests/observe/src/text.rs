//! Cutting text to what a person wants to read.

/// The text on one line and at most `max_chars` long. What was cut away is counted.
pub fn shorten(text: &str, max_chars: usize) -> String {
    let text = text.trim_end_matches(['\r', '\n']);
    let escape = |part: &str| part.replace('\n', "\\n").replace('\r', "\\r");
    // A text may have many megabytes: only what is shown is copied.
    let count = text.chars().count();
    if count <= max_chars {
        return escape(text);
    }
    let (head_chars, tail_chars) = (max_chars * 2 / 3, max_chars / 3);
    let head: String = text.chars().take(head_chars).collect();
    let tail: String = text.chars().rev().take(tail_chars).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{} …({} more)… {}", escape(&head), count - head_chars - tail_chars, escape(&tail))
}

/// The anchor that mdBook gives to a heading.
pub fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_and_a_long_one_is_cut_in_the_middle() {
        assert_eq!(shorten("one\ntwo\n", 20), "one\\ntwo");
        let cut = shorten(&"x".repeat(1000), 60);
        assert!(cut.contains("(940 more)"), "{cut}");
    }

    #[test]
    fn anchors_are_those_of_mdbook() {
        assert_eq!(anchor("Count what was accepted"), "count-what-was-accepted");
        assert_eq!(anchor("What a `write` may do"), "what-a-write-may-do");
    }
}
