//! Measures the workshop beside its peers, one group after another, and writes figures and charts for the book.
//!
//! `cargo xtask bench [NAME…] [--short] [--out FOLDER]` runs it in release mode. What the peers need is in the
//! book's page "How fast it is". A peer that is missing is said in one line and left out.

mod bare;
mod build;
mod channels;
mod chart;
mod growth;
mod machine;
mod mail;
mod memory;
mod ours;
mod peer;
mod peers;
mod pool;
mod report;
mod running;
mod server;
mod sink;
mod steps;

/// Says on stderr what takes long, or what is missing. Whoever cannot read stderr does not miss it: `eprintln!` would panic.
macro_rules! note {
    ($($words:tt)*) => {{
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($words)*)));
    }};
}
pub(crate) use note;

use report::Page;
use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{self, Command, ExitCode, Stdio};

/// What is measured together. It writes one page of figures, NAME.md.
#[derive(Clone, Copy)]
struct Group {
    name: &'static str,
    /// Whether mails are sent: then Postfix's smtp-sink must be there.
    sends: bool,
    run: fn(&Bench) -> Outcome<Page>,
}

const GROUPS: [Group; 8] = [
    Group { name: "channel", sends: false, run: channels::run },
    Group { name: "steps", sends: false, run: steps::run },
    Group { name: "mail", sends: true, run: mail::run },
    Group { name: "server", sends: true, run: server::run },
    Group { name: "pool", sends: true, run: pool::run },
    Group { name: "growth", sends: true, run: growth::run },
    Group { name: "memory", sends: true, run: memory::run },
    Group { name: "build", sends: false, run: build::run },
];

/// What a group is told.
pub struct Bench {
    /// Only enough to see that everything runs: the figures mean nothing.
    pub short: bool,
    root: PathBuf,
    out: PathBuf,
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["child", "ours"] => ours::child(),
        ["child", "bare"] => bare::child(),
        ["parent", "ours", load @ ..] => print::<ours::Ours>(load),
        ["parent", "bare", load @ ..] => print::<bare::Bare>(load),
        words => parse(words).and_then(|(bench, groups)| bench.measure(&groups)),
    };
    let Err((status, why)) = outcome else { return ExitCode::SUCCESS };
    note!("error: {why}");
    ExitCode::from(status)
}

/// What may fail with one line of text.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// An exit status and one line of text.
type Failure = (u8, String);

/// What the command line asks for; without a name, every group.
fn parse(words: &[&str]) -> Result<(Bench, Vec<Group>), Failure> {
    let root = peers::folder().join("..");
    let mut bench = Bench { short: false, out: root.join("book/src/figures"), root };
    let mut groups = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--short" => bench.short = true,
            "--out" => bench.out = words.next().ok_or((2, "--out needs a folder".to_owned()))?.into(),
            name => groups.push(*GROUPS.iter().find(|group| group.name == name).ok_or_else(|| {
                let names = GROUPS.map(|group| group.name).join(", ");
                (2, format!("there is no group \"{name}\": use {names}, --short or --out FOLDER"))
            })?),
        }
    }
    if groups.is_empty() {
        groups = GROUPS.to_vec();
    }
    Ok((bench, groups))
}

impl Bench {
    fn measure(&self, groups: &[Group]) -> Result<(), Failure> {
        let mut failed = Vec::new();
        for Group { name, sends, run } in groups {
            if *sends && peers::find("smtp-sink").is_none() {
                note!("{name} is left out: there is no smtp-sink (apt-get install postfix)");
                continue;
            }
            match run(self).and_then(|page| page.write(&self.out)) {
                Ok(()) => say(&self.out.join(format!("{name}.md")).display().to_string())?,
                Err(why) => failed.push(format!("{name}: {why}")),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err((1, failed.join("; "))) }
    }

    /// Builds a program of the workshop in the profile in which this one was built, and gives its path: it lies
    /// beside this one.
    pub fn program(&self, package: &str) -> Outcome<PathBuf> {
        let profile: &[&str] = if cfg!(debug_assertions) { &[] } else { &["--release"] };
        // Together with this package: then its dependencies have the features with which they were built before.
        let packages = ["build", "--quiet", "--package", "benches", "--package", package];
        let status = self.cargo().args(packages).args(profile).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("cannot build {package}").into());
        }
        Ok(env::current_exe()?.with_file_name(package))
    }

    /// A folder for what is built only for a measurement.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.root.join("target/bench").join(name)
    }

    /// cargo, to be run in the workspace.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }
}

/// This program, to be started again as somebody's child. On Linux through /proc: that finds it also after cargo
/// has linked it anew, when the name that it was started by leads to another file.
pub fn itself() -> PathBuf {
    if cfg!(target_os = "linux") {
        // Not /proc/self/exe: with taskset between, that would be taskset.
        return format!("/proc/{}/exe", process::id()).into();
    }
    env::current_exe().expect("a program knows its own path")
}

/// A runtime as the workshop's programs have it.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Measures a channel so many times as the arguments say, and prints the figures as JSON.
fn print<P: peer::Parent>(load: &[&str]) -> Result<(), Failure> {
    let figures = runtime().block_on(peer::measure::<P>(peer::load(load)));
    say(&serde_json::to_string(&figures).expect("figures are plain numbers"))
}

/// Prints a result.
fn say(line: &str) -> Result<(), Failure> {
    let cannot = |error| (1, format!("cannot write to stdout: {error}"));
    writeln!(io::stdout(), "{line}").map_err(cannot)
}
