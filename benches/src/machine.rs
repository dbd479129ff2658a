//! The machine and the moment, for the head of every file of figures. No host name: only what explains a figure.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// Cores, processor, kernel and date, such as "2 cores (Intel Xeon), Linux 6.18, 2026-11-24".
pub fn description() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    let processor = processor().map_or_else(String::new, |name| format!(" ({name})"));
    let system = output(Command::new("uname").args(["-s", "-r", "-m"])).unwrap_or_default();
    let date = output(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_default();
    format!("{cores} cores{processor}, {system}, {date}")
}

/// The processor's name, where `/proc` shows it.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The first line that a program prints, when it ends well.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}
