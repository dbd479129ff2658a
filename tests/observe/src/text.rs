//! Text as a person wants to read it.

/// The text on one line and at most `max_chars` long, with what a terminal would obey made visible. What was cut away is
/// counted.
pub fn shorten(text: &str, max_chars: usize) -> String {
    let text = text.trim_end_matches(['\r', '\n']);
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

/// The text on one line, and harmless: what a program or a mail says must not move the cursor, ring the bell, change a
/// colour, or turn the order of letters around.
pub fn escape(text: &str) -> String {
    let is_obeyed = |letter: char| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    // Most of what a transcript keeps is like this, and a spec notes it thousands of times.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let shown = |letter: char| match is_obeyed(letter) {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(shown).collect()
}

/// A number of things: `1 mail`, `2 mails`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
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
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(
            escape("a\u{1b}[31mb\nc\u{7}\u{9b}\u{202e}\"\\é"),
            "a\\u{1b}[31mb\\nc\\u{7}\\u{9b}\\u{202e}\"\\é"
        );
        assert_eq!(shorten(&"\u{7}".repeat(100), 6), "\\u{7}\\u{7}\\u{7}\\u{7} …(94 more)… \\u{7}\\u{7}");
    }

    #[test]
    fn one_thing_has_no_plural() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "mail")), ["0 mails", "1 mail", "2 mails"]);
    }

    #[test]
    fn anchors_are_those_of_mdbook() {
        assert_eq!(anchor("Count what was accepted"), "count-what-was-accepted");
        assert_eq!(anchor("What a `write` may do"), "what-a-write-may-do");
    }
}
