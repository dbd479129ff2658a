//! What `ps` shows, on every Unix. Used where there is no `/proc`.

use super::Info;
use std::process::Command;

/// The processes that these options of ps choose.
pub(super) fn show(which: &[&str]) -> Vec<Info> {
    // `-ww`: elsewhere than on Linux, a line is cut off otherwise.
    let columns = ["-ww", "-o", "pid=,ppid=,pgid=,stat=,rss=,command="];
    output(&[which, &columns].concat()).lines().filter_map(parse).collect()
}

/// The processes that were started with this `NAME=value` in their environment, as the BSDs' ps shows it.
pub(super) fn with_variable(variable: &str) -> Vec<u32> {
    let text = output(&["-A", "-ww", "-E", "-o", "pid=,command="]);
    let has_it = |line: &&str| line.split_whitespace().any(|word| word == variable);
    text.lines().filter(has_it).filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

fn output(arguments: &[&str]) -> String {
    let output = Command::new("ps").args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

fn parse(line: &str) -> Option<Info> {
    let mut words = line.split_whitespace();
    Some(Info {
        pid: words.next()?.parse().ok()?,
        parent: words.next()?.parse().ok()?,
        group: words.next()?.parse().ok()?,
        state: words.next()?.chars().next()?,
        resident_bytes: words.next()?.parse::<u64>().ok()? * 1024,
        command: words.collect::<Vec<_>>().join(" "),
    })
}
