//! Whether processes do anything.

use super::proc::{numbers, processor_time};
use std::fs;
use std::time::Duration;

/// What some processes have done so far. When two of these are equal, none of them has run in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity(Vec<Process>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    pid: u32,
    state: char,
    /// How often its threads have given up a processor or lost it.
    switches: u64,
    computed: Duration,
}

impl Activity {
    /// Whether some process is running, or would if it had a processor or what it reads from a disk.
    pub fn is_at_work(&self) -> bool {
        self.0.iter().any(|process| matches!(process.state, 'R' | 'D'))
    }

    /// How long they have had a processor, all together.
    pub fn computed(&self) -> Duration {
        self.0.iter().map(|process| process.computed).sum()
    }

    /// The processes.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|process| process.pid)
    }
}

/// What these processes have done so far: proc_pid_status(5). `None` where only Linux shows it.
pub fn activity(pids: impl Iterator<Item = u32>) -> Option<Activity> {
    fs::metadata("/proc/self/task").ok()?;
    Some(Activity(pids.filter_map(process).collect()))
}

fn process(pid: u32) -> Option<Process> {
    let threads: Vec<u32> = numbers(&format!("/proc/{pid}/task"))?;
    let (mut state, mut switches) = ('S', 0);
    for thread in threads {
        let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).ok()?;
        let counts = status.lines().filter(|line| line.contains("ctxt_switches:"));
        switches += counts.filter_map(|line| line.rsplit('\t').next()?.parse::<u64>().ok()).sum::<u64>();
        let now = status.lines().find_map(|line| line.strip_prefix("State:\t")?.chars().next())?;
        if state == 'S' || matches!(now, 'R' | 'D') {
            state = now;
        }
    }
    Some(Process { pid, state, switches, computed: processor_time(pid)? })
}
