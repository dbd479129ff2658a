//! Which program is forked: the environment variable `WORKER`.

use mail::env::text;
use std::env::current_exe;
use std::ffi::OsString;
use std::process::Command;

/// The argument that makes a server's program a worker.
pub const SEND_MAIL: &str = "send-mail";

/// The command line of a worker.
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    words: Vec<OsString>,
    is_own: bool,
}

impl WorkerCommand {
    /// What `WORKER` says: words with spaces between them (`node send_mail.mjs`), or a JSON
    /// array of strings when a word has a space in it (`["node", "my files/send_mail.mjs"]`). No
    /// shell is involved. Without `WORKER` it is this program, with the argument [`SEND_MAIL`].
    ///
    /// # Errors
    /// One line of text when `WORKER` names no program.
    pub fn from_env() -> Result<Self, String> {
        let Some(text) = text("WORKER")? else {
            let itself = current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
            return Ok(Self { words: vec![itself.into(), SEND_MAIL.into()], is_own: true });
        };
        let words = words(&text).map_err(|why| format!("cannot use WORKER {text:?}: {why}"))?;
        Ok(Self { words: words.into_iter().map(OsString::from).collect(), is_own: false })
    }

    /// The command to fork.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }

    /// Whether the worker is this program itself, and not what `WORKER` names.
    pub fn is_own(&self) -> bool {
        self.is_own
    }
}

/// `WORKER` as words.
fn words(text: &str) -> Result<Vec<String>, String> {
    let words: Vec<String> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        text.split_whitespace().map(str::to_owned).collect()
    };
    match words.first().is_some_and(|program| !program.is_empty()) {
        true => Ok(words),
        false => Err("it names no program".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_command_line_is_words_or_a_json_array() {
        let split = |text| words(text).unwrap().join("|");
        assert_eq!(split(" node  send_mail.mjs\n"), "node|send_mail.mjs");
        assert_eq!(split(r#"["node", "my files/send mail.mjs", ""]"#), "node|my files/send mail.mjs|");
        assert_eq!(split(r#" ["/bücher/worker"] "#), "/bücher/worker");
    }

    #[test]
    fn what_names_no_program_is_refused() {
        for text in ["", "  ", "[]", r#"[""]"#, r#"["node""#, "[5]", r#"["node"] more"#, "[worker"] {
            assert!(words(text).is_err(), "{text}");
        }
    }
}
