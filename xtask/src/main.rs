//! `cargo xtask`: what people who make lessons need. One file for each verb, named after it.

mod limits;
mod starters;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask: what people who make lessons need

  cargo xtask starters          writes lessons/ from the marks in solutions/
  cargo xtask starters --check  says which files of lessons/ differ from that
  cargo xtask limits            counts the lines that each lesson gives and asks for";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["starters"] => starters::write(&root()),
        ["starters", "--check"] => starters::check(&root()),
        ["limits"] => limits::check(&root()),
        ["help" | "--help"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace that this was built in.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}
