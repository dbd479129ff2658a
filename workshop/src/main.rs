//! The command `cargo workshop`. All of it is in the library, since `cargo xtask` uses parts of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    workshop::main()
}
