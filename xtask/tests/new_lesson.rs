//! `cargo xtask new-lesson`, in a copy of the workspace.

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use std::fs;
use std::path::{Path, PathBuf};

/// A command in the copy, which is built in a folder of its own. Both are kept, so that a second run is fast.
fn command(program: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).current_dir(copy()).env("CARGO_TARGET_DIR", copy().with_extension("target"));
    for variable in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
        command.env_remove(variable);
    }
    command
}

fn xtask(arguments: &[&str]) -> Command {
    command(env!("CARGO_BIN_EXE_xtask"), arguments)
}

fn copy() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-lesson")
}

/// Copies what git knows, and what is new and not ignored. tar keeps the times, by which cargo knows what has to be compiled.
fn make_copy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let _ = fs::remove_dir_all(copy());
    fs::create_dir_all(copy()).unwrap();
    let files = "git ls-files --cached --others --exclude-standard -z";
    let script = format!("{files} | tar -c --null -T - | tar -x -C '{}'", copy().display());
    command("sh", &["-c", &script]).current_dir(root).assert().code(0);
    command("git", &["init", "--quiet"]).assert().code(0);
}

#[test]
fn a_new_lesson_is_red_on_its_starter_and_green_on_its_solution() {
    make_copy();
    let refused = |name: &str, why: &str| {
        xtask(&["new-lesson", name]).assert().code(2).stderr(contains(why));
    };
    refused("13-retry", "there is a lesson 13 already: 13-broker");
    refused("retry", "\"retry\" is not a name such as 14-retry");
    refused("14-../x", "is not a name such as 14-retry");

    xtask(&["new-lesson", "14-try-again"]).assert().code(0);
    for check in ["sections", "schedules", "excerpts"] {
        command(copy().join(".ci").join(check), &[]).assert().code(0).stdout("");
    }
    command("cargo", &["fmt", "--package", "solution-14", "--package", "lesson-14", "--check"])
        .assert()
        .code(0);
    xtask(&["starters", "--check"]).assert().code(0);
    xtask(&["starters", "--run", "14"])
        .assert()
        .code(0)
        .stdout(contains("the starter: fails 3 of 3 checks").and(contains("of step 2 turn green")));
    xtask(&["prove", "14"]).assert().code(0).stdout(contains("14-try-again   3 of 3          2 of 2"));
}
