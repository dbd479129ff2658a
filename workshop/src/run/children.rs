//! Processes that are started here. None of them outlives this process.

use nix::sys::signal::Signal;
use observe::limit;
use observe::process::{self, Info, Mark};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The groups that run now.
static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// Whether Ctrl-C was pressed: then a child that is started nevertheless is ended at once.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

#[derive(Clone)]
struct Running {
    leader: u32,
    mark: Mark,
}

/// How long a child may take to stop, which is a matter of milliseconds.
const STOPS_WITHIN: Duration = Duration::from_secs(2);

/// A child in a process group of its own. When this is dropped, it and everything that it has started is ended.
pub struct Group {
    child: Child,
    mark: Mark,
    status: Option<ExitStatus>,
}

impl Group {
    /// Starts the command.
    ///
    /// # Errors
    /// Those of [`Command::spawn`].
    pub fn start(command: &mut Command) -> io::Result<Self> {
        // Under the lock, so that an interrupt sees either no child or a child that it can end.
        let mut running = running();
        let mark = Mark::new();
        mark.put(command);
        let child = command.process_group(0).spawn()?;
        running.push(Running { leader: child.id(), mark: mark.clone() });
        drop(running);
        let group = Self { child, mark, status: None };
        if are_interrupted() {
            end(group.pid(), &group.mark);
        }
        Ok(group)
    }

    /// The child's pid, which is the group's number too.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What runs of the child and of everything that it has started.
    pub fn running(&self) -> Vec<Info> {
        let family = process::family(self.pid(), &self.mark);
        family.into_iter().filter(|info| !info.is_zombie()).collect()
    }

    /// The child with its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How the child ended, when it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Waits for the child's end for no longer than `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        observe::limit::poll(limit, || self.ended())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        running().retain(|group| group.leader != self.pid());
        // Also after the child's own end: what it started may still run.
        end(self.pid(), &self.mark);
        let _ = self.child.wait();
    }
}

/// Ends everything that was started here.
pub fn end_all() {
    // Not under the lock: whoever owns a group wants it, too.
    let groups = running().clone();
    groups.iter().for_each(|group| end(group.leader, &group.mark));
}

/// The same, also for whatever is started from now on.
pub fn interrupt() {
    INTERRUPTED.store(true, Ordering::SeqCst);
    end_all();
}

/// Whether [`interrupt`] was called.
pub fn are_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Ends everything that was started here. Nothing can be started any more: this process is about to end.
pub fn end_for_good() {
    let running = running();
    running.iter().for_each(|group| end(group.leader, &group.mark));
    // A thread that wants to start something waits for this lock until there is no process.
    std::mem::forget(running);
}

fn running() -> MutexGuard<'static, Vec<Running>> {
    // A list is never half written.
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a child and everything that it has started.
fn end(leader: u32, mark: &Mark) {
    stop(leader);
    process::end_family(leader, mark);
}

/// Lets a child of ours do nothing more. Whoever is ended at work could start something that nobody has seen.
fn stop(child: u32) {
    let ours = |info: &Info| info.parent == std::process::id() && info.group == child;
    if process::info(child).is_some_and(|info| ours(&info)) {
        process::signal(child, Signal::SIGSTOP);
        // A busy machine lets a thread go on for a while.
        limit::poll(STOPS_WITHIN, || {
            process::info(child).is_none_or(|info| matches!(info.state, 'T' | 'Z')).then_some(())
        });
    }
}
