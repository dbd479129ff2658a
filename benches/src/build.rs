//! What a learner waits for: the first build, and from an edit to the verdict.

use crate::peer::median;
use crate::report::{Page, Row};
use crate::{Bench, Outcome, machine};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

/// How many of the crates are shown.
const SHOWN: usize = 15;

/// Measures everything that cargo makes a learner wait for. The crates have been downloaded before.
pub fn run(bench: &Bench) -> Outcome<Page> {
    let rustc = machine::output(Command::new("rustc").arg("--version")).unwrap_or_default();
    let mut page = Page::new("build", &[rustc]);
    if !bench.short {
        first_build(&mut page, bench)?;
    }
    edit_to_verdict(&mut page, bench)?;
    if !bench.short {
        whole_suite(&mut page, bench)?;
    }
    Ok(page)
}

/// The numbers of the lessons, and their folders.
fn lessons(bench: &Bench) -> Outcome<Vec<(String, PathBuf)>> {
    let mut lessons = Vec::new();
    for entry in fs::read_dir(bench.root.join("solutions"))? {
        let entry = entry?;
        let number = entry.file_name().to_string_lossy().chars().take_while(char::is_ascii_digit).collect();
        lessons.push((number, entry.path()));
    }
    lessons.sort();
    Ok(lessons)
}

/// Seconds that a command takes, and whether it ends well.
fn timed(command: &mut Command) -> Outcome<(f64, bool)> {
    let begin = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    Ok((begin.elapsed().as_secs_f64(), status.success()))
}

/// Seconds that a command takes which has to end well.
fn seconds(command: &mut Command) -> Outcome<f64> {
    match timed(command)? {
        (seconds, true) => Ok(seconds),
        (_, false) => Err(format!("this fails: {command:?}").into()),
    }
}

/// From nothing to the first verdict of lesson 01, and what each crate costs in it.
fn first_build(page: &mut Page, bench: &Bench) -> Outcome<()> {
    crate::note!("build: the first build of lesson 01 …");
    let target = bench.scratch("cold");
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    // It fails: a starter is there to be filled in. That is the first verdict.
    let mut test = bench.cargo();
    test.args(["test", "--package", "lesson-01", "--timings", "--target-dir"]).arg(&target);
    let (cold, _) = timed(&mut test)?;
    page.target("lesson 01, first verdict", "under 20 s", Some(cold));
    page.text("What each crate costs in the first build of lesson 01, in seconds of one core (`cargo build --timings`); these cost most:");
    let crates = timings(&target)?;
    fs::remove_dir_all(&target)?;
    let total = crates.iter().map(|(_, seconds)| seconds).sum();
    let all = (format!("all {}", crates.len()), vec![Some(total)]);
    let dearest = crates.into_iter().take(SHOWN).map(|(name, seconds)| (name, vec![Some(seconds)]));
    page.table(&["crate", "seconds"], dearest.chain([all]).collect());
    Ok(())
}

/// Each crate and its seconds, the most costly first, as cargo's report says.
fn timings(target: &Path) -> Outcome<Vec<(String, f64)>> {
    #[derive(Deserialize)]
    struct Unit {
        name: String,
        version: String,
        duration: f64,
    }
    let report = fs::read_to_string(target.join("cargo-timings/cargo-timing.html"))
        .map_err(|error| format!("cannot read cargo's timings: {error}"))?;
    let data = report.split_once("const UNIT_DATA = ").ok_or("cargo's timings have another form")?.1;
    let mut units = serde_json::Deserializer::from_str(data).into_iter::<Vec<Unit>>();
    let units = units.next().ok_or("cargo's timings are empty")??;
    let mut crates = BTreeMap::new();
    for unit in units {
        *crates.entry(format!("{} {}", unit.name, unit.version)).or_insert(0.0) += unit.duration;
    }
    let mut crates: Vec<(String, f64)> = crates.into_iter().collect();
    crates.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(crates)
}

/// From a saved file to the verdict of its spec, for every solution; and how many crates it was built from.
fn edit_to_verdict(page: &mut Page, bench: &Bench) -> Outcome<()> {
    let (most, rounds) = if bench.short { (1, 1) } else { (usize::MAX, 3) };
    let mut rows: Vec<Row> = Vec::new();
    for (number, folder) in lessons(bench)?.into_iter().take(most) {
        crate::note!("build: lesson {number}, from an edit to the verdict …");
        let package = format!("solution-{number}");
        let test = || {
            let mut command = bench.cargo();
            command.args(["test", "--package", &package, "--test", "spec"]);
            command
        };
        seconds(&mut test())?;
        let mut times = Vec::new();
        for _ in 0..rounds {
            File::options()
                .append(true)
                .open(folder.join("src/main.rs"))
                .and_then(|file| file.set_modified(SystemTime::now()))?;
            times.push(seconds(&mut test())?);
        }
        let spec = seconds(&mut test())?;
        rows.push((number, vec![Some(median(times)), Some(spec), Some(crates(bench, &package)?)]));
    }
    page.text("Each solution, which passes all its checks. After an edit of `main.rs`, and with nothing to compile:");
    let edits = rows.iter().filter_map(|(number, figures)| Some((number, figures[0]?)));
    let slow = edits.clone().filter(|(_, edit)| *edit >= 1.5).count() as f64;
    if let Some((number, slowest)) = edits.max_by(|a, b| a.1.total_cmp(&b.1)) {
        let what = format!("edit to verdict, the slowest lesson ({number})");
        page.target(&what, "under 1.5 s", Some(slowest));
    }
    page.target("lessons with 1.5 s or more", "at most 0", Some(slow));
    let head = ["lesson", "edit to verdict, s", "its checks alone, s", "crates it is built from"];
    page.table(&head, rows);
    Ok(())
}

/// How many crates of others a package is built from.
fn crates(bench: &Bench, package: &str) -> Outcome<f64> {
    let mut tree = bench.cargo();
    tree.args(["tree", "--edges=normal,build,dev", "--prefix=none", "--format={p}", "--package", package]);
    let output = tree.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // Ours are followed by the path of their folder.
    let others: BTreeSet<&str> =
        text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.contains('/')).collect();
    Ok(others.len() as f64)
}

/// A plain `cargo test`, with everything built before.
fn whole_suite(page: &mut Page, bench: &Bench) -> Outcome<()> {
    crate::note!("build: the whole suite …");
    seconds(bench.cargo().args(["test", "--no-run"]))?;
    let suite = seconds(bench.cargo().arg("test"))?;
    page.target("a plain `cargo test`, running time", "under 60 s", Some(suite));
    Ok(())
}
