//! What `ps` shows, on every Unix. Used where there is no `/proc`, and compared with it in the tests.
#![cfg_attr(target_os = "linux", allow(dead_code, reason = "on Linux, /proc shows more"))]

use super::Info;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

pub(super) fn all() -> Vec<Info> {
    ps(&["-A"])
}

pub(super) fn info(pid: u32) -> Option<Info> {
    ps(&["-p", &pid.to_string()]).pop()
}

/// The processes that were started with this variable in their environment, as the BSDs' ps shows it.
pub(super) fn with_variable(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}");
    let output = Command::new("ps").args(["-A", "-ww", "-E", "-o", "pid=,command="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let has_it = |line: &&str| line.split_whitespace().any(|word| word == wanted);
    text.lines().filter(has_it).filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

fn ps(which: &[&str]) -> Vec<Info> {
    // `-ww`: elsewhere than on Linux, a line is cut off otherwise.
    let columns = ["-ww", "-o", "pid=,ppid=,pgid=,stat=,rss=,command="];
    match Command::new("ps").args(which).args(columns).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect(),
        Err(_) => Vec::new(),
    }
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

pub(super) fn threads(_pid: u32) -> Option<usize> {
    None
}

pub(super) fn processor_time(_pid: u32) -> Option<Duration> {
    None
}

pub(super) fn peak_memory(_pid: u32) -> Option<u64> {
    None
}

pub(super) fn is_stopped(pid: u32) -> bool {
    info(pid).is_some_and(|info| info.state == 'T')
}

pub(super) fn descriptors(_pid: u32) -> Option<Vec<(i32, String)>> {
    None
}

pub(super) fn listening(_pid: u32) -> Option<Vec<SocketAddr>> {
    None
}

pub(super) fn nodelay(_pid: u32, _peer: SocketAddr) -> Option<Vec<bool>> {
    None
}

pub(super) fn waiting_in(_pid: u32) -> Option<String> {
    None
}

pub(super) fn thread_waiting_in(_pid: u32, _thread: u32) -> Option<String> {
    None
}
