//! Looking at the threads of a program about a thousand times a second.

use super::record::{Doing, Stretch, Thread};
use observe::process;
use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks. A look itself takes some tenths of a millisecond.
const EVERY: Duration = Duration::from_micros(500);
/// On a busy machine we get no turn for a while. What was not seen is not drawn.
const LONGEST_GAP: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 10 } else { 500 });
/// The same, for a thread that is in the same call as before.
const LONGEST_GAP_IN_A_CALL: Duration =
    Duration::from_millis(if cfg!(target_os = "linux") { 60 } else { 500 });
/// Where there is no /proc, ps(1) has to be asked, and it takes its time.
const EVERY_WITH_PS: Duration = Duration::from_millis(20);

/// What a thread waits for where the kernel's words say nothing to a learner.
const UNKNOWN: &str = "the kernel";

/// Whether single threads, and what they wait for, can be seen on this system.
pub fn sees_threads() -> bool {
    cfg!(target_os = "linux")
}

/// Looks at a process and all below it, until it is told to stop.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Thread>>,
}

impl Sampler {
    /// Begins to look at the process `root`. A TCP connection to `smtp_port` is one to the mail server.
    pub fn start(root: u32, smtp_port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (first, began) = mpsc::channel();
        let look = move || {
            let mut looker = Looker::new(root, smtp_port);
            looker.look();
            drop(first);
            while !stopped.load(Ordering::SeqCst) {
                looker.look();
                thread::sleep(if sees_threads() { EVERY } else { EVERY_WITH_PS });
            }
            looker.finish()
        };
        let thread = thread::spawn(look);
        // The first look is the slowest. The time begins after it. An error means that it is done.
        let _: Result<(), _> = began.recv();
        Self { stop, thread }
    }

    /// What was seen, in the order of coming.
    pub fn finish(self) -> Vec<Thread> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap_or_default()
    }
}

struct Looker {
    root: u32,
    threads: Vec<Thread>,
    names: Names,
    asking: Sender<(u32, u32, String)>,
}

/// What calls mean, as far as it is known.
type Names = Arc<Mutex<HashMap<String, Option<Doing>>>>;

/// What one look at one thread shows.
struct Seen {
    pid: u32,
    tid: u32,
    parent: u32,
    name: String,
    doing: Doing,
}

impl Looker {
    fn new(root: u32, smtp_port: u16) -> Self {
        let names = Names::default();
        let (asking, asked) = mpsc::channel();
        let known = Arc::clone(&names);
        thread::spawn(move || find_names(&asked, &known, smtp_port));
        Self { root, threads: Vec::new(), names, asking }
    }

    fn look(&mut self) {
        let seen = if sees_threads() { self.look_at_proc() } else { look_with_ps(self.root) };
        let now = Instant::now();
        for seen in seen {
            // The program itself is our child: it would be our fault that nobody has waited for it.
            if seen.pid != self.root || seen.doing != Doing::Zombie {
                self.note(seen, now);
            }
        }
    }

    fn note(&mut self, seen: Seen, now: Instant) {
        let known = |thread: &&mut Thread| thread.pid == seen.pid && thread.tid == seen.tid;
        let new = Stretch { begin: now, end: now, doing: seen.doing };
        match self.threads.iter_mut().find(known) {
            None => {
                let Seen { pid, tid, parent, name, .. } = seen;
                self.threads.push(Thread { pid, tid, parent, name, stretches: vec![new] });
            }
            Some(thread) => {
                // A process gets its last name at exec, and none when it has ended.
                if new.doing != Doing::Zombie {
                    thread.name = seen.name;
                }
                // An orphan gets another parent; the picture is about the first one.
                let last = thread.stretches.last_mut().expect("a thread has been seen at least once");
                let same = last.doing == new.doing;
                let missed = now - last.end > if same { LONGEST_GAP_IN_A_CALL } else { LONGEST_GAP };
                if !missed {
                    last.end = now;
                }
                if missed || !same {
                    thread.stretches.push(new);
                }
            }
        }
    }

    /// The process and its descendants: proc_pid_task(5), proc_tid_children(5).
    fn look_at_proc(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        let mut family = vec![(self.root, 0)];
        let mut next = 0;
        while let Some(&(pid, parent)) = family.get(next) {
            next += 1;
            let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
            let mut tids: Vec<u32> =
                tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect();
            tids.sort_unstable();
            for tid in tids {
                seen.extend(self.look_at_thread(pid, tid, parent));
                let children = fs::read_to_string(format!("/proc/{pid}/task/{tid}/children"));
                let children = children.unwrap_or_default();
                family.extend(
                    children
                        .split_whitespace()
                        .filter_map(|child| child.parse().ok())
                        .map(|child| (child, pid)),
                );
            }
        }
        seen
    }

    fn look_at_thread(&mut self, pid: u32, tid: u32, parent: u32) -> Option<Seen> {
        let stat = fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let doing = match tail.trim_start().chars().next()? {
            'R' => Doing::Runs,
            'Z' | 'X' => Doing::Zombie,
            _ => self.call(pid, tid),
        };
        Some(Seen { pid, tid, parent, name, doing })
    }

    /// What a sleeping thread is in: the name of the call for now. What that means is found out beside.
    fn call(&mut self, pid: u32, tid: u32) -> Doing {
        let (call, file) = call(pid, tid);
        if file == "anon_inode:[eventpoll]" {
            return Doing::Free;
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.contains_key(&call) {
            names.insert(call.clone(), None);
            drop(self.asking.send((pid, tid, call.clone())));
        }
        Doing::Blocked(call)
    }

    /// All that was seen, with what the calls mean.
    fn finish(self) -> Vec<Thread> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut threads = self.threads;
        for stretch in threads.iter_mut().flat_map(|thread| &mut thread.stretches) {
            if let Doing::Blocked(call) = &stretch.doing {
                let known = names.get(call).cloned().flatten();
                stretch.doing = known.unwrap_or_else(|| Doing::Blocked(UNKNOWN.into()));
            }
        }
        threads
    }
}

/// A call in short, cheap to get: whose it is, its number, and the file that its first argument names
/// (proc_pid_syscall(5)).
fn call(pid: u32, tid: u32) -> (String, String) {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).unwrap_or_default();
    let mut words = text.split_whitespace();
    let number = words.next().unwrap_or_default();
    let first = words.next().and_then(|word| i32::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let file = first.and_then(|first| fs::read_link(format!("/proc/{pid}/fd/{first}")).ok());
    let file = file.unwrap_or_default().to_string_lossy().into_owned();
    (format!("{pid} {number} {file}"), file)
}

/// Finds out what calls mean. It takes tens of milliseconds where the machine has many sockets, so it has a
/// thread of its own.
fn find_names(asked: &Receiver<(u32, u32, String)>, names: &Names, smtp_port: u16) {
    for (pid, tid, call) in asked {
        let doing = process::thread_waiting_in(pid, tid).map(|words| meaning(&words, smtp_port));
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
        match doing {
            Some(Doing::Blocked(what)) if what != UNKNOWN => {
                drop(names.insert(call, Some(Doing::Blocked(what))))
            }
            // The thread has gone on meanwhile: the next time may be longer.
            _ => drop(names.remove(&call)),
        }
    }
}

/// What the words of [`process::waiting_in`] mean for a picture.
fn meaning(words: &str, smtp_port: u16) -> Doing {
    let about = |part: &str| words.contains(part);
    let what = if words == "running" {
        return Doing::Runs;
    } else if words.starts_with("waiting for an event on ") {
        return Doing::Free;
    } else if about(&format!(" to {smtp_port} ")) || words.starts_with("connecting") {
        "the mail server"
    } else if about("the channel") {
        "the channel"
    } else if about("stdin") {
        "stdin"
    } else if about("a child") {
        "a child's end"
    } else if about("another thread") {
        "another thread"
    } else if about("(pipe:") || about("(poll)") {
        "the child's output"
    } else if about("sleeping") {
        "the clock"
    } else {
        UNKNOWN
    };
    Doing::Blocked(what.into())
}

/// Processes only, as ps(1) shows them.
fn look_with_ps(root: u32) -> Vec<Seen> {
    let all = process::all();
    let mut family = vec![root];
    let mut seen = Vec::new();
    let mut next = 0;
    while let Some(&pid) = family.get(next) {
        next += 1;
        family.extend(all.iter().filter(|info| info.parent == pid).map(|info| info.pid));
        let Some(info) = all.iter().find(|info| info.pid == pid) else { continue };
        let doing = if info.is_zombie() { Doing::Zombie } else { Doing::Alive };
        let program = info.command.split(' ').next().unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or_default().to_owned();
        seen.push(Seen { pid, tid: pid, parent: info.parent, name, doing });
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_waits_for_is_named() {
        let blocked = |what: &str| Doing::Blocked(what.into());
        let mail = "reading the TCP connection 40000 to 2525 (descriptor 9)";
        assert_eq!(meaning(mail, 2525), blocked("the mail server"));
        assert_eq!(meaning("waiting for an event on a Unix socket", 2525), Doing::Free);
        assert_eq!(meaning("reading stdin (pipe:[1])", 2525), blocked("stdin"));
        assert_eq!(meaning("running", 2525), Doing::Runs);
    }

    #[test]
    fn a_child_is_seen_from_its_start_to_its_end() {
        let mut child = std::process::Command::new("sleep").arg("0.1").spawn().unwrap();
        let sampler = Sampler::start(std::process::id(), 0);
        child.wait().unwrap();
        thread::sleep(EVERY_WITH_PS);
        let threads = sampler.finish();
        let seen = threads.iter().find(|thread| thread.pid == child.id()).expect("the child is seen");
        assert_eq!(seen.parent, std::process::id());
        let last = seen.stretches.last().unwrap();
        assert!(last.end > seen.stretches[0].begin);
    }
}
