//! Starting a program and watching it.

use crate::caretaker::Group;
use crate::ipc::{self, Channel};
use crate::{Check, Http, Signal, Spec, limit, process};
use assert_cmd::assert::Assert;
use nix::sys::signal::{self, SigHandler};
use nix::unistd::Pid;
use predicates::Predicate;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What could leak in from the shell that runs the tests and change what a program does.
const CLEARED: [&str; 17] = [
    "ACK_WAIT_MS",
    "BATCH_MAILS",
    "LEAK_MB",
    "MAX_JOBS_PER_WORKER",
    "NATS_URL",
    "NODE_CHANNEL_FD",
    "NODE_CHANNEL_SERIALIZATION_MODE",
    "NODE_UNIQUE_ID",
    "PORT",
    "QUEUE_MAILS",
    "SIGN_ROUNDS",
    "SMTP_CONNECTIONS",
    "SMTP_URL",
    "WORKER",
    "WORKERS",
    "WORKER_GRACE_SECONDS",
    "WORKER_TIMEOUT_SECONDS",
];

/// A program that is not started yet.
pub struct Program {
    command: Command,
    name: String,
    spec: Spec,
    stdin: Option<Vec<u8>>,
    not_noted: Option<&'static str>,
}

impl Program {
    pub(crate) fn new(spec: &Spec, path: &Path, name: &str) -> Self {
        let mut command = Command::new(path);
        for variable in CLEARED {
            command.env_remove(variable);
        }
        // A learner's panic is one line and a place; a backtrace would bury it.
        command.env("RUST_BACKTRACE", "0");
        // A group of its own, so that the whole tree can be ended at once and Ctrl-C can be played.
        command.process_group(0);
        Self { command, name: name.to_owned(), spec: spec.clone(), stdin: None, not_noted: None }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in this folder.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What the program finds on stdin, then end of file. Without this, stdin stays open for
    /// [`Running::write`].
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Lines that contain this word are no part of the transcript.
    pub(crate) fn without_noting(mut self, word: &'static str) -> Self {
        self.not_noted = Some(word);
        self
    }

    /// Starts the program. Its whole process group is killed when the result is dropped.
    pub fn start(self) -> Running {
        self.spawn().unwrap_or_else(|(spec, message)| {
            spec.check("", "started the program").fail("a running program", &message)
        })
    }

    /// Starts the program as Node's `fork` does: with a channel, on the descriptor that `NODE_CHANNEL_FD` names.
    pub fn fork(self) -> (Running, Channel) {
        self.fork_with_mode("json")
    }

    /// The same with another value of `NODE_CHANNEL_SERIALIZATION_MODE`.
    pub fn fork_with_mode(mut self, mode: &str) -> (Running, Channel) {
        let spec = self.spec.clone();
        match ipc::attach(&mut self.command, &spec, mode) {
            // The child's end is closed here once the child has it: it lives until the end of this arm.
            Ok((channel, _childs_end)) => (self.start(), channel),
            Err(error) => {
                spec.check("", "forked the program").fail("a socket pair for the channel", &error.to_string())
            }
        }
    }

    /// Runs the program to its end. When it does not end within the limit, `check` fails.
    pub fn run(self, check: &Check) -> Finished {
        let mut running = Program { stdin: self.stdin.clone().or_else(|| Some(Vec::new())), ..self }.start();
        running.finish(check)
    }

    fn spawn(mut self) -> Result<Running, (Spec, String)> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        begin_as_from_a_terminal(&mut self.command);
        die_with_the_test(&mut self.command);
        let program = self.command.get_program().display().to_string();
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => return Err((self.spec, format!("cannot start {program}: {error}"))),
        };
        let pid = child.id();
        let group = Group::new(pid);
        let who = format!("{} pid {pid}", self.name);
        let arguments: Vec<_> = self.command.get_args().map(|arg| arg.to_string_lossy()).collect();
        self.spec.remember_started(pid);
        let started = format!("started {}", arguments.join(" "));
        let told = started.trim_end().to_owned() + &settings(&self.command);
        self.spec.transcript().note(who.as_str(), told);
        let stdin = child.stdin.take();
        let not_noted = self.not_noted;
        let stdout = Lines::read(child.stdout.take(), &self.spec, format!("{who} stdout"), not_noted);
        let stderr = Lines::read(child.stderr.take(), &self.spec, format!("{who} stderr"), not_noted);
        let mut running = Running {
            child,
            pid,
            _group: group,
            status: None,
            who,
            spec: self.spec,
            stdin,
            stdout,
            stderr,
            next_line: 0,
        };
        if let Some(text) = self.stdin {
            running.write_all_then_close(text);
        }
        Ok(running)
    }
}

/// A shell that starts the tests in the background lets them ignore SIGINT, and what is ignored stays so in a new
/// program: signal(7). A program of a learner begins as it does on a terminal.
fn begin_as_from_a_terminal(command: &mut Command) {
    // SAFETY: between fork and exec only sigaction(2) is called, which is async-signal-safe, and no function of
    // this process becomes a handler.
    let set = || unsafe { signal::signal(Signal::SIGINT, SigHandler::SigDfl) }.map(drop).map_err(Into::into);
    // SAFETY: see above; nothing is allocated.
    unsafe { command.pre_exec(set) };
}

/// Linux: when the test is killed, the kernel kills the program too, so that nothing is left behind.
#[cfg(target_os = "linux")]
fn die_with_the_test(command: &mut Command) {
    let test = std::process::id().cast_signed();
    let set = move || {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The test may have died before the line above.
        if nix::unistd::getppid().as_raw() == test {
            Ok(())
        } else {
            Err(std::io::ErrorKind::NotFound.into())
        }
    };
    // SAFETY: between fork and exec only prctl(2) and getppid(2) are called, which are async-signal-safe,
    // and nothing is allocated.
    unsafe { command.pre_exec(set) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_the_test(_command: &mut Command) {}

/// A running program.
pub struct Running {
    child: Child,
    pid: u32,
    /// Dropped after `drop` has killed it.
    _group: Group,
    status: Option<ExitStatus>,
    who: String,
    spec: Spec,
    stdin: Option<ChildStdin>,
    stdout: Lines,
    stderr: Lines,
    next_line: usize,
}

impl Running {
    /// The program's pid, which is its process group too.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Writes to the program's stdin. That the program has closed it already is no error here: what the program
    /// then does is what a spec looks at.
    pub fn write(&mut self, text: impl AsRef<[u8]>) {
        self.spec.note(format!("to stdin: {}", String::from_utf8_lossy(text.as_ref())));
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(text.as_ref()).and_then(|()| stdin.flush());
        }
    }

    /// Writes each piece to the program's stdin when the program has read the one before, so that each piece is a
    /// read of its own. Where the system does not tell, the pieces follow one another at once.
    pub fn write_pieces(&mut self, check: &Check, pieces: &[&[u8]]) {
        for piece in pieces {
            self.write(piece);
            check.eventually("the program reads what is on its stdin", || {
                (self.unread_bytes() == 0 || !self.is_running()).then_some(())
            });
        }
    }

    /// How much lies in the program's stdin.
    #[cfg(target_os = "linux")]
    fn unread_bytes(&self) -> usize {
        use nix::libc;
        use std::os::fd::AsRawFd;
        let Some(stdin) = &self.stdin else { return 0 };
        let mut count: libc::c_int = 0;
        // SAFETY: FIONREAD writes one int, for which `count` has room, and the descriptor is open. See
        // ioctl_list(2); Linux answers it on both ends of a pipe.
        let done = unsafe { libc::ioctl(stdin.as_raw_fd(), libc::FIONREAD, &mut count) };
        if done == 0 { usize::try_from(count).unwrap_or(0) } else { 0 }
    }

    #[cfg(not(target_os = "linux"))]
    fn unread_bytes(&self) -> usize {
        0
    }

    /// Closes the program's stdin: it reads end of file.
    pub fn close_stdin(&mut self) {
        if self.stdin.take().is_some() {
            self.spec.note("closed stdin");
        }
    }

    /// Writes from a thread of its own, since the program may not read before it has written itself.
    pub fn write_all_then_close(&mut self, text: Vec<u8>) {
        self.spec.note(format!("to stdin, then end of file: {}", String::from_utf8_lossy(&text)));
        if let Some(mut stdin) = self.stdin.take() {
            thread::spawn(move || stdin.write_all(&text));
        }
    }

    /// The next line of stdout, without its line end.
    pub fn line(&mut self, check: &Check) -> String {
        let number = self.next_line;
        let expected = format!("line {} of stdout", number + 1);
        let line = self.stdout.wait(|text| text.lines.get(number).map(|bytes| to_text(bytes)));
        match line {
            Waited::Found(line) => {
                self.next_line += 1;
                line
            }
            Waited::Ended => {
                // Its last words may come a moment after the end of stdout.
                limit::poll(limit::BRIEFLY, || self.stderr.has_ended().then_some(()));
                check.fail(&expected, &format!("end of file; stderr says:\n{}", or_nothing(&self.stderr())))
            }
            Waited::TimeOut => check.time_out(&expected),
        }
    }

    /// The next line of stdout as JSON.
    pub fn json_line(&mut self, check: &Check) -> Value {
        let line = self.line(check);
        serde_json::from_str(&line)
            .unwrap_or_else(|error| check.fail("a line of JSON on stdout", &format!("{line}\n({error})")))
    }

    /// Waits until a line of stderr fulfils `predicate`, and gives it.
    pub fn log_line(&self, check: &Check, predicate: &impl Predicate<str>) -> String {
        let expected = format!("a line of stderr that {}", predicate_in_words(predicate));
        self.wait_for_log(check, &expected, |line| predicate.eval(line))
    }

    /// Waits until a line of stderr is exactly this one.
    pub fn logs(&self, check: &Check, line: &str) {
        self.wait_for_log(check, &format!("this line on stderr: {line}"), |logged| logged == line);
    }

    fn wait_for_log(&self, check: &Check, expected: &str, is_it: impl Fn(&str) -> bool) -> String {
        let matching = |bytes: &Vec<u8>| Some(to_text(bytes)).filter(|line| is_it(line));
        match self.stderr.wait(|text| text.lines.iter().find_map(matching)) {
            Waited::Found(line) => line,
            Waited::Ended => check
                .fail(expected, &format!("the program closed stderr after:\n{}", or_nothing(&self.stderr()))),
            Waited::TimeOut => check.fail(
                expected,
                &format!("within {} seconds only:\n{}", limit::limit().as_secs(), or_nothing(&self.stderr())),
            ),
        }
    }

    /// The lines of stderr so far that contain this text. A line that is half written is none.
    pub fn logged(&self, text: &str) -> Vec<String> {
        let lines: Vec<_> =
            self.stderr.shared.0.lock().unwrap().lines.iter().map(|line| to_text(line)).collect();
        lines.into_iter().filter(|line| line.contains(text)).collect()
    }

    /// What the program wrote to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.all()
    }

    /// What the program wrote to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.all()
    }

    /// A server's first line is `listening on http://127.0.0.1:PORT`. Waits for it and gives a client. The server
    /// must be where only this machine reaches it, whatever it says.
    pub fn listening(&mut self, check: &Check) -> Http {
        let line = self.line(check);
        let base = line.strip_prefix("listening on ").filter(|base| base.starts_with("http://127.0.0.1:"));
        let Some(base) = base else {
            check.fail("`listening on http://127.0.0.1:PORT` as the first line of stdout", &line)
        };
        let http = Http::new(self.spec.transcript(), base.trim());
        #[cfg(target_os = "linux")]
        self.listens_to_this_machine_alone(check, &http);
        http
    }

    /// On Linux, all of 127.0.0.0/8 is this machine. Who listens on 127.0.0.1 refuses 127.0.0.2, and who listens on
    /// every address does not.
    #[cfg(target_os = "linux")]
    fn listens_to_this_machine_alone(&self, check: &Check, http: &Http) {
        if http.is_refused_at("127.0.0.2") {
            return;
        }
        // Another program may have that port of that address. The system's table tells, but it can be long.
        let addresses = process::listening(self.pid).unwrap_or_default();
        if let Some(address) = addresses.iter().find(|address| !address.ip().is_loopback()) {
            let expected = "a server that listens on 127.0.0.1 alone, so that no other machine can reach it";
            check.fail(expected, &format!("it listens on {address}"));
        }
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        self.spec.note(format!("{signal} to {}", self.who));
        // That it is gone already shows in what the spec checks next.
        let _ = signal::kill(Pid::from_raw(self.pid.cast_signed()), signal);
    }

    /// Sends a signal to the program and all its children, as a terminal does on Ctrl-C.
    pub fn signal_group(&self, signal: Signal) {
        self.spec.note(format!("{signal} to {} and its children", self.who));
        let _ = signal::killpg(Pid::from_raw(self.pid.cast_signed()), signal);
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        self.try_wait().is_none()
    }

    /// Waits for the program's end. On a busy machine, a program that computes may get little of a processor within
    /// the limit: it has more time, until it has computed for as long as the limit.
    pub fn wait(&mut self, check: &Check) -> ExitStatus {
        let limit = limit::limit();
        let give_up = Instant::now() + limit * 10;
        loop {
            if let Some(status) = limit::poll(limit, || self.try_wait()) {
                return status;
            }
            if !self.still_computes(limit) || Instant::now() >= give_up {
                check.time_out("the program ends");
            }
        }
    }

    /// Waits for the program's end. Its exit status must be 0.
    pub fn ends_well(&mut self, check: &Check) {
        let status = self.wait(check);
        check.holds("the program ends with exit status 0", status.code() == Some(0), in_words(status));
    }

    /// Whether it wants a processor at this moment, and has had one for less than `limit`.
    fn still_computes(&self, limit: Duration) -> bool {
        let wants = process::info(self.pid).is_some_and(|info| info.state == 'R');
        wants && process::processor_time(self.pid).is_some_and(|time| time < limit)
    }

    fn try_wait(&mut self) -> Option<ExitStatus> {
        if self.status.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.spec.transcript().note(self.who.as_str(), format!("ended: {}", in_words(status)));
            self.status = Some(status);
        }
        self.status
    }

    /// Closes stdin, waits for the program's end and for the end of its output.
    pub fn finish(&mut self, check: &Check) -> Finished {
        self.close_stdin();
        let status = self.wait(check);
        for (name, lines) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !lines.wait_for_end() {
                check.fail(
                    &format!("end of file on {name}, since the program has ended"),
                    "a process that the program left behind still holds it; see the processes below",
                );
            }
        }
        Finished { check: check.clone(), status, stdout: self.stdout.bytes(), stderr: self.stderr.bytes() }
    }

    /// Waits until no process of the program's group is left, the program included.
    pub fn leaves_nothing_behind(&mut self, check: &Check) {
        self.wait(check);
        check.eventually("no process of the program is left", || {
            process::group(self.pid).is_empty().then_some(())
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        process::kill_group(self.pid);
        let _ = self.child.wait();
    }
}

/// A program that has ended. Each method checks something and gives it back for the next.
pub struct Finished {
    check: Check,
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Finished {
    /// The same, but what is checked from here on belongs to another section of the chapter.
    pub fn about(self, section: &str) -> Self {
        Self { check: self.check.about(section), ..self }
    }

    /// The exit status must be this one: 0 done, 1 the work failed, 2 the input or the configuration was bad.
    pub fn code(self, code: i32) -> Self {
        if self.status.code() != Some(code) {
            self.check.fail(&format!("exit status {code}"), &self.in_words());
        }
        self
    }

    /// What is on stdout must fulfil `predicate`; `expected` says it in words.
    pub fn stdout_is(self, expected: &str, predicate: &impl Predicate<str>) -> Self {
        self.check.matches(&format!("on stdout: {expected}"), predicate, &self.stdout());
        self
    }

    /// What is on stderr must fulfil `predicate`; `expected` says it in words.
    pub fn stderr_is(self, expected: &str, predicate: &impl Predicate<str>) -> Self {
        self.check.matches(&format!("on stderr: {expected}"), predicate, &self.stderr());
        self
    }

    /// stdout must be this JSON document on a line of its own, in whatever spelling.
    pub fn prints_json(self, expected: &Value) -> Self {
        let stdout = self.stdout();
        if stdout.lines().count() != 1
            || serde_json::from_str::<Value>(&stdout).ok().as_ref() != Some(expected)
        {
            let stderr = self.stderr();
            let (stdout, stderr) = (or_nothing(stdout.trim_end()), or_nothing(stderr.trim_end()));
            self.check
                .fail(&format!("one line on stdout: {expected}"), &format!("{stdout}\nstderr: {stderr}"));
        }
        self
    }

    /// An error must be one line, `error: what: why`, that contains each of `words`.
    pub fn reports_error(self, words: &[&str]) -> Self {
        let stderr = self.stderr();
        let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        let says_all = |line: &&str| words.iter().all(|word| line.contains(word));
        if errors.len() != 1 || !errors.iter().any(says_all) {
            let quoted: Vec<_> = words.iter().map(|word| format!("`{}`", word.trim_end())).collect();
            let words =
                if words.is_empty() { String::new() } else { format!(" that says {}", quoted.join(" and ")) };
            self.check.fail(&format!("one line `error: what: why` on stderr{words}"), &stderr);
        }
        self
    }

    /// stdout as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// stderr as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// How the program ended.
    pub fn status(&self) -> ExitStatus {
        self.status
    }

    /// How the program ended and what it wrote, for a report.
    pub fn in_words(&self) -> String {
        let (stdout, stderr) = (self.stdout(), self.stderr());
        let (stdout, stderr) = (or_nothing(stdout.trim_end()), or_nothing(stderr.trim_end()));
        format!("{}\nstdout: {stdout}\nstderr: {stderr}", in_words(self.status))
    }

    /// The same for `assert_cmd`, with its own wording.
    pub fn assert(&self) -> Assert {
        Assert::new(Output { status: self.status, stdout: self.stdout.clone(), stderr: self.stderr.clone() })
    }
}

/// With which settings a program is started, as ` with NAME=value …`.
fn settings(command: &Command) -> String {
    let told = |(name, value): (&OsStr, Option<&OsStr>)| {
        let shown = name != "RUST_BACKTRACE";
        value.filter(|_| shown).map(|value| format!("{}={}", name.display(), value.display()))
    };
    let settings: Vec<_> = command.get_envs().filter_map(told).collect();
    if settings.is_empty() { String::new() } else { format!(" with {}", settings.join(" ")) }
}

/// A predicate shows itself as `var.contains(text)`, and two of them as `(… && …)`.
fn predicate_in_words(predicate: &impl Predicate<str>) -> String {
    let code = predicate.to_string();
    let code = code.strip_prefix('(').and_then(|code| code.strip_suffix(')')).unwrap_or(&code);
    code.replace("var.", "")
        .replace("contains(", "contains (")
        .replace("starts_with(", "starts with (")
        .replace(" && ", " and ")
}

/// How a process ended, in words.
pub fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(101), _) => "exit status 101 (a panic; see stderr)".into(),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(Ok(signal))) => format!("killed by {signal}"),
        _ => status.to_string(),
    }
}

/// What a program writes to a pipe, collected by a thread.
struct Lines {
    shared: Arc<(Mutex<Text>, Condvar)>,
    spec: Spec,
}

#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    lines: Vec<Vec<u8>>,
    /// How many of the bytes are in `lines` already.
    split: usize,
    /// There is no line end in `bytes[split..searched]`. A line may have many megabytes, so none is searched twice.
    searched: usize,
    ended: bool,
}

enum Waited<T> {
    Found(T),
    Ended,
    TimeOut,
}

impl Lines {
    /// `not_noted`: lines with this word are no part of the transcript.
    fn read(
        pipe: Option<impl Read + Send + 'static>,
        spec: &Spec,
        who: String,
        not_noted: Option<&'static str>,
    ) -> Self {
        let shared = Arc::new((Mutex::new(Text::default()), Condvar::new()));
        let lines = Self { shared: Arc::clone(&shared), spec: spec.clone() };
        let spec = spec.clone();
        thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            let mut buffer = vec![0; 64 * 1024];
            let mut last = String::new();
            loop {
                let count = match pipe.read(&mut buffer) {
                    // A signal is no end of file.
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    count => count.unwrap_or(0),
                };
                let mut text = shared.0.lock().unwrap();
                text.bytes.extend_from_slice(&buffer[..count]);
                text.ended = count == 0;
                for line in text.take_lines() {
                    let line = to_text(&line);
                    if !not_noted.is_some_and(|word| line.contains(word)) {
                        spec.transcript().note(who.as_str(), &line);
                    }
                    spec.remember_panic(&last, &line);
                    last = line;
                }
                shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        lines
    }

    /// Waits until `find` finds something.
    fn wait<T>(&self, mut find: impl FnMut(&Text) -> Option<T>) -> Waited<T> {
        let deadline = Instant::now() + limit::limit();
        let mut text = self.shared.0.lock().unwrap();
        loop {
            if let Some(found) = find(&text) {
                return Waited::Found(found);
            }
            if text.ended {
                return Waited::Ended;
            }
            if Instant::now() >= deadline || self.spec.todo().is_some() {
                return Waited::TimeOut;
            }
            text = self.shared.1.wait_timeout(text, limit::BRIEFLY).unwrap().0;
        }
    }

    fn has_ended(&self) -> bool {
        self.shared.0.lock().unwrap().ended
    }

    fn wait_for_end(&self) -> bool {
        matches!(self.wait(|text| text.ended.then_some(())), Waited::Found(()))
    }

    fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap().bytes.clone()
    }

    fn all(&self) -> String {
        to_text(&self.bytes())
    }
}

impl Text {
    /// The lines that came since the last call. What has no line end is a line only at end of file.
    fn take_lines(&mut self) -> Vec<Vec<u8>> {
        let mut new = Vec::new();
        // `contains` is compiled with optimization, `position` is not.
        while self.bytes[self.searched..].contains(&b'\n') {
            let length = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n').unwrap_or(0);
            let end = self.searched + length;
            new.push(self.bytes[self.split..end].to_vec());
            self.split = end + 1;
            self.searched = self.split;
        }
        self.searched = self.bytes.len();
        if self.ended && self.split < self.bytes.len() {
            new.push(self.bytes[self.split..].to_vec());
            self.split = self.bytes.len();
        }
        self.lines.extend(new.iter().cloned());
        new
    }
}

/// What a program has said, in a sentence that would end without a word otherwise.
fn or_nothing(said: &str) -> &str {
    if said.trim().is_empty() { "(nothing)" } else { said }
}

fn to_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
