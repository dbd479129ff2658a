//! Nothing is left behind, however the test program ends.
//!
//! Each guard here ends and removes what it stands for when it is dropped. But a test program that is killed, or
//! that Ctrl-C ends, drops nothing. So a small shell, the caretaker, holds the other end of a pipe. It is told
//! what there is. When the test program is gone, for whatever reason, it reads end of file, and does the rest.

use observe::process::Mark;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// It reads of what there is, and what has gone. A number is a process group, which is killed; a path is a file or
/// folder, which is removed. A process that is just being killed may still write into its folder, so removing is tried for
/// a while. On Linux, what has left its group is found by its mark.
///
/// It runs in the background of a shell that ends at once: a child of the test would be killed with it by whoever ends
/// the test and everything below it.
const SCRIPT: &str = r#"
{
    while read -r verb what; do
        case $verb in
            there) set -- "$@" "$what" ;;
            gone) for one; do shift; [ "$one" = "$what" ] || set -- "$@" "$one"; done ;;
        esac
    done
    for one; do
        case $one in /*) ;; *) kill -s KILL -- "-$one" ;; esac
    done
    for file in $(grep -a -l -s "$MARKS" /proc/[0-9]*/environ); do
        file=${file#/proc/}
        kill -s KILL "${file%/environ}"
    done
    for one; do
        case $one in
            /*) tries=50
                until rm -rf -- "$one" || [ $tries = 0 ]; do tries=$((tries - 1)); sleep 0.1; done ;;
        esac
    done
} <&3 3<&- &
"#;

/// What the caretaker reads. Without a shell there is none; then the guards alone have to do.
static CARETAKER: OnceLock<Option<Mutex<ChildStdin>>> = OnceLock::new();

/// A process group that is to be killed in the end.
pub(crate) struct Kept(u32);

impl Kept {
    /// The group was started.
    pub fn group(group: u32) -> Self {
        tell("there", &group.to_string());
        Self(group)
    }
}

impl Drop for Kept {
    /// The group was killed.
    fn drop(&mut self) {
        tell("gone", &self.0.to_string());
    }
}

/// A path of a file or folder that is removed in the end, and when this is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A path in `folder` on which there is nothing yet, and which no other test gets. It ends with `name`.
    pub fn new(folder: impl AsRef<Path>, name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.as_ref().join(format!("workshop-{}-{number}-{name}", std::process::id()));
        tell("there", &path.display().to_string());
        Self(path)
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is a nuisance, and no reason to fail.
        let _ =
            if self.0.is_dir() { std::fs::remove_dir_all(&self.0) } else { std::fs::remove_file(&self.0) };
        tell("gone", &self.0.display().to_string());
    }
}

/// From here on, whatever has a mark of this test program is ended with it.
pub(crate) fn watch() -> Option<&'static Mutex<ChildStdin>> {
    CARETAKER.get_or_init(start).as_ref()
}

fn tell(verb: &str, what: &str) {
    if let Some(caretaker) = watch()
        && let Ok(mut caretaker) = caretaker.lock()
    {
        let _ = caretaker.write_all(format!("{verb} {what}\n").as_bytes());
    }
}

fn start() -> Option<Mutex<ChildStdin>> {
    let mut command = Command::new("sh");
    // A group of its own: Ctrl-C must not end it. Nothing of ours is kept open: cargo waits for the end of it.
    command.args(["-c", &format!("exec 3<&0\n{SCRIPT}")]).process_group(0).current_dir("/");
    // The pattern must not be in its own environment as it is looked for, nor a mark that this test has itself.
    command.env("MARKS", format!("{}[=]{}-", Mark::NAME, std::process::id())).env_remove(Mark::NAME);
    let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let told = shell.stdin.take().map(Mutex::new);
    shell.wait().ok()?;
    told
}
