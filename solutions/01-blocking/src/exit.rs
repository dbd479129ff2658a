//! How a program ends.

use std::process::ExitCode;

/// The exit status of a program whose work has this outcome: 0 when all went well, 1 when something did not
/// (`Ok(false)`), and 2 for bad input or a bad configuration, with `error: ` and the text on stderr.
pub fn exit_code(outcome: Result<bool, String>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            crate::log!("error: {error}");
            ExitCode::from(2)
        }
    }
}
