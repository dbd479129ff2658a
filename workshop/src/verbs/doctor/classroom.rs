//! `cargo workshop doctor --classroom`: everything is downloaded, and the whole day is tried without a network.

use crate::failure::Failure;
use crate::lesson;
use crate::run::command::finish;
use crate::run::spec::{self, Verdict};
use crate::run::workspace;
use crate::ui::terminal::{print, say};
use crate::verbs::book;
use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

/// Cuts the network off for a command: it sees loopback and nothing else. `ip` is needed, since loopback is down at
/// first in a new network namespace.
const LOOPBACK_ONLY: [&str; 6] =
    ["unshare", "--map-root-user", "--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""];

/// Downloads every crate, then runs [`try_the_day`] with the network cut off, as far as this system allows.
///
/// # Errors
/// When something cannot be downloaded, or does not work without a network.
pub fn prepare(root: &Path) -> Result<(), Failure> {
    say("\nDownloading every crate that Cargo.lock names …");
    let mut fetch = workspace::cargo(root);
    fetch.args(["fetch", "--locked"]);
    if !finish(&mut fetch)? {
        let why = "cargo cannot get all crates ready; it says why above. It needs a network this one time";
        return Err(Failure::work(why));
    }
    say("All crates are here.\n");
    let not_tried = build_book_and_look_for_tools(root);
    let mut probe = loopback_only(Path::new("true"));
    let cut_off = finish(probe.stdout(Stdio::null()).stderr(Stdio::null())).unwrap_or(false);
    let myself = env::current_exe().map_err(|error| Failure::work(format!("cannot find myself: {error}")))?;
    let mut day = if cut_off {
        say("Trying the whole day with the network cut off: only loopback is there.");
        loopback_only(&myself)
    } else {
        say(
            "Trying the whole day with cargo in offline mode. (This system does not let us cut the network off: \
             that needs Linux, `unshare` and `ip`. To be sure, pull the plug and run this once more.)",
        );
        Command::new(myself)
    };
    say("The first time, this compiles everything. That takes some minutes.\n");
    day.args(["doctor", "--day"]).current_dir(root).env("CARGO_NET_OFFLINE", "true");
    if !finish(&mut day)? {
        return Err(Failure::work("not everything works without a network; see above"));
    }
    let how = if cut_off { "with the network cut off" } else { "with cargo offline" };
    let what = if not_tried.is_empty() { "The whole day" } else { "Everything that is installed" };
    say(format!("\n{what} works {how}. This folder and ~/.cargo are all you need."));
    if !not_tried.is_empty() {
        say(format!("Not tried:\n  - {}", not_tried.join("\n  - ")));
        say("`cargo workshop doctor` says how to get what is missing.");
    }
    Ok(())
}

/// Builds the book, and says what of the day cannot be tried. Without the book, the chapters are text files.
fn build_book_and_look_for_tools(root: &Path) -> Vec<String> {
    let tools = [("nats-server", "lesson 13"), ("node", "the checks with real Node")];
    let missing = tools.into_iter().filter(|(tool, _)| observe::tool::find(tool).is_none());
    let missing = missing.map(|(tool, what)| format!("{what}, since {tool} is not installed"));
    let book = match book::build(root, false) {
        Ok(pages) => {
            say(format!("The book is built: {}/index.html\n", pages.display()));
            None
        }
        Err(why) => Some(format!("the book in a browser: {why}")),
    };
    book.into_iter().chain(missing).collect()
}

/// Builds and runs the spec of each lesson and of each solution, as people do it during the day.
///
/// # Errors
/// When one does not come to the verdict that it should.
pub fn try_the_day(root: &Path) -> Result<(), Failure> {
    let mut bad = Vec::new();
    for lesson in lesson::all(root)? {
        for (package, is_solution) in
            [(lesson.package(), false), (format!("solution-{}", lesson.number()), true)]
        {
            let run = spec::run(root, &package)?;
            let checks = run.checks();
            let passed = checks.iter().filter(|check| check.passed).count();
            let (is_good, what) = match run.verdict {
                Verdict::DoesNotCompile => (false, "does not compile".to_owned()),
                Verdict::Hangs => (false, "its spec does not end".to_owned()),
                Verdict::Lacks(tool) => (true, format!("not checked, since {tool} is not installed")),
                // A starter may be red, half done or green: that is the learner's business.
                Verdict::Red => (!is_solution, format!("{passed} of {} checks pass", checks.len())),
                Verdict::Green => (true, format!("all {} checks pass", checks.len())),
            };
            say(format!("  {}  {package}: {what}", if is_good { "ok " } else { "BAD" }));
            if !is_good {
                print(format!("{}{}", run.build_output, run.output));
                bad.push(package);
            }
        }
    }
    if bad.is_empty() {
        Ok(())
    } else {
        Err(Failure::work(format!("not as it should be: {}", bad.join(", "))))
    }
}

fn loopback_only(program: &Path) -> Command {
    let mut command = Command::new(LOOPBACK_ONLY[0]);
    command.args(&LOOPBACK_ONLY[1..]).arg(program);
    command
}
