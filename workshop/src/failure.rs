//! How a verb fails.

use std::fmt;
use std::process::ExitCode;

/// One line of text, and the exit status that goes with it.
#[derive(Debug)]
pub enum Failure {
    /// The work failed: exit status 1.
    Work(String),
    /// The input, the configuration or the environment was bad: exit status 2.
    Input(String),
}

impl Failure {
    /// The work failed.
    pub fn work(why: impl Into<String>) -> Self {
        Self::Work(why.into())
    }

    /// The input, the configuration or the environment was bad.
    pub fn input(why: impl Into<String>) -> Self {
        Self::Input(why.into())
    }

    /// The contract of all programs here: 1 the work failed, 2 the input was bad.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Work(_) => ExitCode::from(1),
            Self::Input(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work(why) | Self::Input(why) => f.write_str(why),
        }
    }
}

/// What the package `course` cannot read is the learner's folder, so the input was bad.
impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Input(why)
    }
}
