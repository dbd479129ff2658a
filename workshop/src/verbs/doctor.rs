//! `cargo workshop doctor`: is everything here that the workshop needs?

mod classroom;
mod line;

use crate::failure::Failure;
use crate::lesson;
use crate::run::command::finish;
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::{Look, columns, note, paint, say, wrap};
use clap::ArgMatches;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

/// What the command line can say.
pub fn command() -> clap::Command {
    arguments::verb(
        "doctor",
        "Checks that your machine has what the workshop needs, and says how to get the rest",
        "Examples:\n  cargo workshop doctor\n  cargo workshop doctor --line\n  cargo workshop doctor --classroom\n\n\
         Each line is ok, optional or missing. The exit status is 1 when the workshop cannot do without something \
         that is missing. With --line it prints one line instead, to paste into a message to your teacher; the line \
         has no path and no name in it. With --classroom it also downloads everything for the day, and tries every \
         lesson with the network cut off.",
    )
    .arg(arguments::flag("classroom", "Prepare a day without a network, and try it"))
    .arg(arguments::flag("line", "Print one line to send to your teacher").conflicts_with("classroom"))
    .arg(arguments::flag("day", "Only try the day").hide(true))
}

/// How much room the compiled lessons need, with some to spare.
const DISK_BYTES: u64 = 3 << 30;

const LINKER: &str = "Debian and WSL: apt install build-essential. macOS: xcode-select --install";

/// A build after a save that takes longer needs explaining.
const SLOW_BUILD_SECONDS: f64 = 5.0;

enum Finding {
    Ok(String),
    /// Not here, and only some of it needs it: why, and how to fix it.
    Optional(String),
    /// Not here, and nothing works without it: why, and how to fix it.
    Missing(String),
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    interrupt::listen()?;
    if matches.get_flag("day") {
        return classroom::try_the_day(&root);
    }
    let findings = look(&root)?;
    if matches.get_flag("line") {
        return line::print(&root, &findings);
    }
    show(&findings)?;
    if matches.get_flag("classroom") { classroom::prepare(&root) } else { Ok(()) }
}

/// Looks at each thing.
fn look(root: &Path) -> Result<Vec<(&'static str, Finding)>, Failure> {
    let node = "Some checks compare with real Node and are passed over: https://nodejs.org";
    let nats = "Only lesson 13 needs it: apt install nats-server, or brew install nats-server";
    Ok(vec![
        ("Rust", rust(root)),
        ("linker", needed(tool("cc", LINKER))),
        ("disk", disk(root)),
        ("folder", writable(root)),
        ("builds", builds(root)),
        ("git", tool("git", "Without it, you cannot pull corrections: https://git-scm.com")),
        ("port 2525", port(2525, "cargo workshop mailbox --port 2526")),
        ("port 3000", port(3000, "PORT=3001 cargo run -p solution-10")),
        ("node", tool("node", node)),
        ("nats-server", tool("nats-server", nats)),
        ("build", build_time(root)?),
    ])
}

/// Says of each thing how it is.
fn show(findings: &[(&str, Finding)]) -> Result<(), Failure> {
    let mut missing = 0;
    for (name, finding) in findings {
        let (word, look, text) = match finding {
            Finding::Ok(text) => ("ok", Look::Good, text),
            Finding::Optional(text) => ("optional", Look::Quiet, text),
            Finding::Missing(text) => {
                missing += 1;
                ("missing", Look::Bad, text)
            }
        };
        let word = paint(&format!("{word:<8}"), look);
        say(format!("{word}  {name:<11}  {}", wrap(text, 23, columns())));
    }
    if missing > 0 {
        return Err(Failure::work(format!("missing: {missing}; each line says how to fix it")));
    }
    say("\nEverything is here that the workshop needs.");
    Ok(())
}

/// What a program prints for `--version`, its first line.
fn version(program: &str) -> Option<String> {
    let output =
        Command::new(observe::tool::find(program)?).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().next().unwrap_or_default().to_owned())
}

fn tool(program: &str, without: &str) -> Finding {
    match version(program) {
        Some(version) => Finding::Ok(version),
        None => Finding::Optional(format!("not found. {without}")),
    }
}

/// A thing that nothing works without.
fn needed(finding: Finding) -> Finding {
    if let Finding::Optional(why) = finding { Finding::Missing(why) } else { finding }
}

fn rust(root: &Path) -> Finding {
    let mend = "rustup update stable, or https://rustup.rs";
    let Some(found) = version("rustc") else { return Finding::Missing(format!("rustc not found. {mend}")) };
    let numbers = |text: &str| -> Vec<u32> { text.split('.').filter_map(|part| part.parse().ok()).collect() };
    let own = numbers(found.split(' ').nth(1).unwrap_or_default());
    let newer =
        |folder: &Path| needed_rust(&folder.join("Cargo.toml")).filter(|needed| own < numbers(needed));
    if let Some(needed) = newer(root) {
        return Finding::Missing(format!("{found} is older than {needed}. {mend}"));
    }
    let lessons = lesson::all(root).unwrap_or_default();
    match lessons.iter().find_map(|lesson| Some((lesson.number(), newer(&lesson.folder(root))?))) {
        Some((lesson, needed)) => {
            Finding::Optional(format!("{found}, but lesson {lesson} needs {needed}. {mend}"))
        }
        None => Finding::Ok(found),
    }
}

/// The Rust that a package asks for, where its manifest says a number.
fn needed_rust(manifest: &Path) -> Option<String> {
    let manifest = fs::read_to_string(manifest).ok()?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "))?;
    Some(version.trim_matches('"').to_owned())
}

fn disk(root: &Path) -> Finding {
    let Some(free) = free_bytes(root) else {
        return Finding::Optional("cannot tell how much room is left".into());
    };
    let gigabytes = free as f64 / f64::from(1 << 30);
    match free >= DISK_BYTES {
        true => Finding::Ok(format!("{gigabytes:.0} GiB are free")),
        false => Finding::Missing(format!(
            "only {gigabytes:.1} GiB are free, 3 are needed. `cargo clean` frees some"
        )),
    }
}

/// How much room is left on the disk, if the system says so.
fn free_bytes(root: &Path) -> Option<u64> {
    let disk = nix::sys::statvfs::statvfs(root).ok()?;
    // The types of these numbers differ from system to system.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "u32 on macOS, u64 on Linux")]
    let free = disk.blocks_available() as u64 * disk.fragment_size() as u64;
    Some(free)
}

fn writable(root: &Path) -> Finding {
    let probe = root.join(format!(".workshop-probe-{}", std::process::id()));
    let mend = "Clone the workshop into your home folder";
    match fs::write(&probe, "").and_then(|()| fs::remove_file(&probe)) {
        Ok(()) => Finding::Ok("can be written to".into()),
        Err(error) => Finding::Missing(format!("cannot be written to ({error}). {mend}")),
    }
}

fn builds(root: &Path) -> Finding {
    let target = workspace::target(root);
    match workspace::other_checkout(root) {
        None => Finding::Ok(format!("in {}", target.display())),
        Some(other) => Finding::Optional(format!(
            "in {}, which another checkout of the workshop, {}, uses too: cargo can't tell their programs apart. Give each \
             checkout its own CARGO_TARGET_DIR",
            target.display(),
            other.display()
        )),
    }
}

fn port(number: u16, otherwise: &str) -> Finding {
    match TcpListener::bind(("127.0.0.1", number)) {
        Ok(_listener) => Finding::Ok("is free".into()),
        Err(error) => Finding::Optional(format!("cannot be used ({error}). Use another: {otherwise}")),
    }
}

/// How long one waits after a save: the time to build lesson 01 again after its main file has changed.
fn build_time(root: &Path) -> Result<Finding, Failure> {
    let build = || {
        let mut cargo = workspace::cargo(root);
        cargo.args(["test", "--package", "solution-01", "--test", "spec", "--no-run"]);
        finish(cargo.stdout(Stdio::null()).stderr(Stdio::null()))
    };
    note("Measuring a build. The first time, this takes a minute or two …");
    let cannot = |why: String| Ok(Finding::Optional(format!("cannot be measured: {why}")));
    match build() {
        Ok(true) => {}
        Ok(false) => return cannot("`cargo test -p solution-01 --no-run` fails, and says why".into()),
        Err(failure) if interrupt::requested() => return Err(failure),
        Err(failure) => return cannot(failure.to_string()),
    }
    // As after a save: its bytes stay the same, only its date is new.
    let main = root.join("solutions/01-blocking/src/main.rs");
    let file = File::options().append(true).open(&main);
    if let Err(error) = file.and_then(|file| file.set_modified(SystemTime::now())) {
        return cannot(format!("{}: {error}", main.display()));
    }
    let began = Instant::now();
    build()?;
    let seconds = began.elapsed().as_secs_f64();
    let took = format!("{seconds:.1} s from a save to a built lesson");
    Ok(match seconds <= SLOW_BUILD_SECONDS {
        true => Finding::Ok(took),
        false => Finding::Optional(format!(
            "{took} is slow. Keep the workshop on a local disk, and look whether a virus scanner or another program is at work"
        )),
    })
}
