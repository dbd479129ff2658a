//! Looking at the threads of a program about a thousand times a second.

use super::record::{Kind, Part};
use observe::process;
use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Whether single threads, and what they wait for, can be seen on this system.
pub const SEES_THREADS: bool = cfg!(target_os = "linux");

/// Between two looks. A look itself takes some tenths of a millisecond. Where there is no /proc, ps(1) has to be asked, and
/// it takes its time.
const EVERY: Duration = if SEES_THREADS { Duration::from_micros(500) } else { Duration::from_millis(20) };
/// On a busy machine we get no turn for a while. What was not seen is not drawn.
const LONGEST_GAP: Duration = Duration::from_millis(if SEES_THREADS { 10 } else { 500 });
/// The same, for a thread that is in the same call as before.
const LONGEST_GAP_IN_A_CALL: Duration = Duration::from_millis(if SEES_THREADS { 60 } else { 500 });

/// So long is it tried to find out what a call waits for, after its beginning.
const TRIES_FOR: Duration = Duration::from_millis(50);

/// A thread of a process, and what it did. The first one has the number of its process.
pub struct Thread {
    pub pid: u32,
    pub tid: u32,
    pub parent: u32,
    /// The name of the program that it runs, as ps(1) shows it.
    pub name: String,
    pub parts: Vec<Part>,
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
            let mut looker =
                Looker { root, smtp_port, threads: Vec::new(), names: HashMap::new(), busy: Duration::ZERO };
            looker.look();
            drop(first);
            while !stopped.load(Ordering::SeqCst) {
                thread::sleep(EVERY);
                looker.look();
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
    smtp_port: u16,
    threads: Vec<Thread>,
    /// What each call waits for, as far as it is known.
    names: HashMap<String, &'static str>,
    /// How long it took to write down the last look: that gap is our own.
    busy: Duration,
}

/// What one look at one thread shows.
struct Seen {
    pid: u32,
    tid: u32,
    parent: u32,
    name: String,
    kind: Kind,
    /// The call that it is blocked in, in short: see [`call`].
    call: String,
}

impl Looker {
    fn look(&mut self) {
        let seen = if SEES_THREADS { self.look_at_proc() } else { look_with_ps(self.root) };
        let now = Instant::now();
        for seen in seen {
            // The program itself is our child: it would be our fault that nobody has waited for it.
            if seen.pid != self.root || seen.kind != Kind::Zombie {
                self.note(seen, now);
            }
        }
        self.busy = now.elapsed();
    }

    fn note(&mut self, seen: Seen, now: Instant) {
        let Seen { pid, tid, parent, name, kind, call } = seen;
        let known = self.threads.iter().position(|thread| (thread.pid, thread.tid) == (pid, tid));
        // An orphan gets another parent; the picture is about the first one.
        let place = known.unwrap_or(self.threads.len());
        if known.is_none() {
            self.threads.push(Thread { pid, tid, parent, name: String::new(), parts: Vec::new() });
        }
        let thread = &mut self.threads[place];
        // A process gets its last name at exec, and none when it has ended.
        if kind != Kind::Zombie {
            thread.name = name;
        }
        let last = thread.parts.last_mut();
        let is_same = last.as_ref().is_some_and(|last| (last.kind, &last.more) == (kind, &call));
        let longest_gap = if is_same { LONGEST_GAP_IN_A_CALL } else { LONGEST_GAP };
        let last = last.filter(|last| (now - last.end).saturating_sub(self.busy) <= longest_gap);
        // It takes some milliseconds to find out what a call waits for. The thread may go on meanwhile.
        let began = last.as_ref().filter(|_| is_same).map_or(now, |last| last.begin);
        if kind == Kind::Blocked && !self.names.contains_key(&call) && now - began < TRIES_FOR {
            let waits_for = process::thread_waiting_in(pid, tid);
            let waits_for = waits_for.and_then(|words| meaning(&words, self.smtp_port));
            self.names.extend(waits_for.map(|waits_for| (call.clone(), waits_for)));
        }
        let goes_on = last.is_some() && is_same;
        last.into_iter().for_each(|last| last.end = now);
        if !goes_on {
            thread.parts.push(Part { more: call, ..Part::new(now, kind, "") });
        }
    }

    /// The process and its descendants: proc_pid_task(5), proc_tid_children(5).
    fn look_at_proc(&self) -> Vec<Seen> {
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
                seen.extend(look_at_thread(pid, tid, parent));
                let children = fs::read_to_string(format!("/proc/{pid}/task/{tid}/children"));
                let children = children.unwrap_or_default();
                let pids = children.split_whitespace().filter_map(|child| child.parse().ok());
                family.extend(pids.map(|child| (child, pid)));
            }
        }
        seen
    }

    /// All that was seen, with what the calls mean.
    fn finish(mut self) -> Vec<Thread> {
        let parts = self.threads.iter_mut().flat_map(|thread| &mut thread.parts);
        for part in parts.filter(|part| part.kind == Kind::Blocked) {
            let what = self.names.get(&part.more).copied().unwrap_or("the kernel");
            part.short = "blocked".into();
            part.more = format!(": waits for {what}");
        }
        self.threads
    }
}

fn look_at_thread(pid: u32, tid: u32, parent: u32) -> Option<Seen> {
    let stat = fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let (kind, call) = match tail.trim_start().chars().next()? {
        'R' => (Kind::Runs, String::new()),
        'Z' | 'X' => (Kind::Zombie, String::new()),
        _ => match call(pid, tid) {
            (_, file) if file == "anon_inode:[eventpoll]" => (Kind::Free, String::new()),
            (call, _) => (Kind::Blocked, call),
        },
    };
    Some(Seen { pid, tid, parent, name, kind, call })
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

/// What a thread waits for that is in this call, in the words of [`process::waiting_in`], if that says something to a learner.
fn meaning(words: &str, smtp_port: u16) -> Option<&'static str> {
    if words == "running" || words.starts_with("waiting for an event on ") {
        return None;
    }
    let mail_server = format!(" to {smtp_port} ");
    let known = [
        (mail_server.as_str(), "the mail server"),
        ("connecting", "the mail server"),
        ("the channel", "the channel"),
        ("stdin", "stdin"),
        ("a child", "a child's end"),
        ("another thread", "another thread"),
        ("(pipe:", "the child's output"),
        ("(poll)", "the child's output"),
        ("sleeping", "the clock"),
    ];
    known.into_iter().find(|(part, _)| words.contains(part)).map(|(_, what)| what)
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
        let kind = if info.is_zombie() { Kind::Zombie } else { Kind::Alive };
        let program = info.command.split(' ').next().unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or_default().to_owned();
        seen.push(Seen { pid, tid: pid, parent: info.parent, name, kind, call: String::new() });
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_waits_for_is_named() {
        let mail = "reading the TCP connection 40000 to 2525 (descriptor 9)";
        assert_eq!(meaning(mail, 2525), Some("the mail server"));
        assert_eq!(meaning("waiting for an event on a Unix socket", 2525), None);
        assert_eq!(meaning("reading stdin (pipe:[1])", 2525), Some("stdin"));
        assert_eq!(meaning("running", 2525), None);
    }
}
