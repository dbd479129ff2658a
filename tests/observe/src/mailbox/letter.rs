//! A mail as it arrived.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quoted_printable::ParseMode;

/// A mail that the mailbox accepted: the envelope, and the message byte for byte with dot-stuffing undone.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    /// The number of the conversation in which it came.
    pub conversation: usize,
    /// The envelope's sender, from `MAIL FROM`.
    pub from: String,
    /// The envelope's recipients, from `RCPT TO`.
    pub recipients: Vec<String>,
    /// The message: headers, an empty line, the body.
    pub data: Vec<u8>,
}

impl Letter {
    /// The value of a header, unfolded and with its encoded words (RFC 2047) decoded. Empty where there is none.
    pub fn header(&self, name: &str) -> String {
        let (headers, _) = self.parts();
        let unfolded = headers.replace("\r\n ", " ").replace("\r\n\t", " ");
        unfolded
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| decode_words(value.trim()))
            .unwrap_or_default()
    }

    /// The body as text, its transfer encoding undone and its line ends as `\n`.
    pub fn text(&self) -> String {
        let (_, body) = self.parts();
        let bytes = match self.header("Content-Transfer-Encoding").to_ascii_lowercase().as_str() {
            "base64" => STANDARD.decode(body.replace(['\r', '\n'], "")).unwrap_or_default(),
            "quoted-printable" => quoted_printable::decode(&body, ParseMode::Robust).unwrap_or_default(),
            _ => body.into_bytes(),
        };
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    }

    fn parts(&self) -> (String, String) {
        let text = String::from_utf8_lossy(&self.data);
        let (headers, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        (headers.to_owned(), body.to_owned())
    }
}

/// Decodes `=?utf-8?b?…?=` and `=?utf-8?q?…?=`. White space between two encoded words is not text.
fn decode_words(value: &str) -> String {
    let mut text = String::new();
    let mut after_encoded_word = false;
    for word in value.split(' ') {
        let decoded = decode_word(word);
        if !(text.is_empty() || decoded.is_some() && after_encoded_word) {
            text.push(' ');
        }
        after_encoded_word = decoded.is_some();
        text.push_str(decoded.as_deref().unwrap_or(word));
    }
    text
}

fn decode_word(word: &str) -> Option<String> {
    let mut parts = word.strip_prefix("=?")?.strip_suffix("?=")?.splitn(3, '?');
    let (_charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = match encoding {
        "b" | "B" => STANDARD.decode(text).ok()?,
        _ => quoted_printable::decode(text.replace('_', " "), ParseMode::Robust).ok()?,
    };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(data: &str) -> Letter {
        Letter { data: data.as_bytes().to_vec(), ..Letter::default() }
    }

    #[test]
    fn headers_are_unfolded_and_decoded() {
        let letter = letter("Subject: one\r\n two =?utf-8?b?R3LDvMOfZQ==?=\r\nTo: a@x\r\n\r\nbody\r\n");
        assert_eq!(letter.header("subject"), "one two Grüße");
        assert_eq!(letter.header("To"), "a@x");
        assert_eq!(letter.header("Cc"), "");
        assert_eq!(letter.text(), "body\n");
    }

    #[test]
    fn the_transfer_encoding_is_undone() {
        let encoded = "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n";
        assert_eq!(letter(encoded).text(), "Grüße\n");
        let encoded = "Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOf\r\nZQ==\r\n";
        assert_eq!(letter(encoded).text(), "Grüße");
    }
}
