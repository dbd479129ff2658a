//! Starting a program and watching it.

use crate::caretaker::{self, Kept};
use crate::ipc::{self, Channel};
use crate::lines::{Awaited, Lines, Noted, Reader, to_line, unread};
use crate::process::{self, Mark};
use crate::wait::Waited;
use crate::{Check, Http, Signal, Spec, limit, order};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{self, SigHandler};
use nix::unistd::Pid;
use predicates::Predicate;
use serde_json::Value;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeReader, Write};
use std::net::TcpStream;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a program gets from the shell that runs the tests: where programs, a home and temporary files are, and what the
/// specs themselves are told. Whatever else is set there could change what it does.
fn is_inherited(variable: &OsStr) -> bool {
    ["PATH", "HOME", "TMPDIR"].iter().any(|name| variable == *name)
        || variable.as_bytes().starts_with(b"WORKSHOP_")
}

/// A program that is not started yet.
pub struct Program {
    command: Command,
    name: String,
    spec: Spec,
    stdin: Option<Vec<u8>>,
    stdin_file: Option<File>,
    stdout: Reader,
    stderr: Reader,
    descriptors: Option<u64>,
    sigchld: SigHandler,
    not_noted: Option<&'static str>,
}

impl Program {
    pub(crate) fn new(spec: &Spec, path: &Path, name: &str) -> Self {
        let mut command = Command::new(path);
        for (variable, _) in env::vars_os().filter(|(variable, _)| !is_inherited(variable)) {
            command.env_remove(variable);
        }
        // A learner's panic is one line and a place; a backtrace would bury it.
        command.env("RUST_BACKTRACE", "0");
        // A group of its own, so that the whole tree can be ended at once and Ctrl-C can be played.
        command.process_group(0);
        Self {
            command,
            name: name.to_owned(),
            spec: spec.clone(),
            stdin: None,
            stdin_file: None,
            stdout: Reader::Stays,
            stderr: Reader::Stays,
            descriptors: None,
            sigchld: SigHandler::SigDfl,
            not_noted: None,
        }
    }

    /// Adds an argument. It need not be UTF-8: see [`not_utf8`].
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment. The value need not be UTF-8: see [`not_utf8`].
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

    /// This file or folder is the program's stdin, as after `<` in a shell.
    pub fn stdin_from(mut self, file: File) -> Self {
        self.stdin_file = Some(file);
        self
    }

    /// Who reads the program's stdout. Without this, the spec reads all of it.
    pub fn stdout(mut self, reader: Reader) -> Self {
        self.stdout = reader;
        self
    }

    /// Who reads the program's stderr. Without this, the spec reads all of it.
    pub fn stderr(mut self, reader: Reader) -> Self {
        self.stderr = reader;
        self
    }

    /// The program and its children can each have so many descriptors open and no more, as after `ulimit -n`.
    pub fn descriptor_limit(mut self, descriptors: u64) -> Self {
        self.descriptors = Some(descriptors);
        self
    }

    /// SIGCHLD is ignored from the start. Then the system keeps nothing of a child that exits, so to wait for one fails:
    /// wait(2).
    pub fn ignoring_sigchld(mut self) -> Self {
        self.sigchld = SigHandler::SigIgn;
        self
    }

    /// Lines that contain this word are no part of the transcript, and the program may always be doing something.
    pub(crate) fn without_noting(mut self, word: &'static str) -> Self {
        self.not_noted = Some(word);
        self
    }

    /// Starts the program. It and everything that it has started is killed when the result is dropped.
    pub fn start(mut self) -> Running {
        let mark = Mark::new();
        mark.put(&mut self.command);
        caretaker::watch();
        let started = self.prepare().and_then(|unread| Ok((unread, self.command.spawn()?)));
        let ([unread_stdout, unread_stderr], mut child) = started.unwrap_or_else(|error| {
            let program = self.command.get_program().display();
            let check = self.spec.check("started the program");
            check.fail("a running program", &format!("cannot start {program}: {error}"))
        });
        let pid = child.id();
        let who = format!("{} pid {pid}", self.name);
        self.spec.remember_started(pid, &mark, self.not_noted.is_none());
        let arguments: Vec<_> = self.command.get_args().map(|argument| argument.to_string_lossy()).collect();
        let started = format!("started {}", arguments.join(" "));
        self.spec.transcript().note(&*who, started.trim_end().to_owned() + &settings(&self.command));
        let noted = |stream| Noted {
            spec: self.spec.clone(),
            who: format!("{who} {stream}"),
            not_noted: self.not_noted,
            end: None,
        };
        let mut running = Running {
            mark,
            _kept: Kept::group(pid),
            status: None,
            stdin: child.stdin.take(),
            stdout: Lines::read(child.stdout.take(), unread_stdout, noted("stdout")),
            stderr: Lines::read(child.stderr.take(), unread_stderr, noted("stderr")),
            next_line: 0,
            child,
            who,
            spec: self.spec,
        };
        if let Some(text) = self.stdin {
            running.write_all_then_close(text);
        }
        running
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
                spec.check("forked the program").fail("a socket pair for the channel", &error.to_string())
            }
        }
    }

    /// Runs the program to its end. When it does not end within the limit, `check` fails.
    pub fn run(self, check: &Check) -> Finished {
        let mut running = Program { stdin: self.stdin.clone().or_else(|| Some(Vec::new())), ..self }.start();
        running.finish(check)
    }

    /// Gives the program its descriptors and its surroundings. The pipes are those that only have to stay open.
    fn prepare(&mut self) -> io::Result<[Option<PipeReader>; 2]> {
        let (stdout, unread_stdout) = self.stdout.open()?;
        let (stderr, unread_stderr) = self.stderr.open()?;
        let stdin = self.stdin_file.take().map_or_else(Stdio::piped, Stdio::from);
        self.command.stdin(stdin).stdout(stdout).stderr(stderr);
        let (descriptors, sigchld) = (self.descriptors, self.sigchld);
        let set = move || {
            begin_as_from_a_terminal(sigchld)?;
            match descriptors {
                Some(limit) => Ok(setrlimit(Resource::RLIMIT_NOFILE, limit, limit)?),
                None => Ok(()),
            }
        };
        // SAFETY: between fork and exec only system calls are made, through functions that are async-signal-safe, and
        // nothing is allocated.
        unsafe { self.command.pre_exec(set) };
        Ok([unread_stdout, unread_stderr])
    }
}

/// A shell that starts the tests in the background lets them ignore SIGINT, and what is ignored stays so in a new
/// program: signal(7). A program of a learner begins as it does on a terminal.
fn begin_as_from_a_terminal(sigchld: SigHandler) -> io::Result<()> {
    for (signal, action) in [(Signal::SIGINT, SigHandler::SigDfl), (Signal::SIGCHLD, sigchld)] {
        // SAFETY: no function of this process becomes a handler.
        unsafe { signal::signal(signal, action) }?;
    }
    Ok(())
}

/// Text with a byte that is not UTF-8 in its middle, for an argument or a variable.
pub fn not_utf8(before: &str, after: &str) -> OsString {
    OsString::from_vec([before.as_bytes(), b"\xff", after.as_bytes()].concat())
}

/// Stops a process with SIGSTOP, a worker for example, until [`resume`]. It has really stopped when this returns.
pub fn pause(check: &Check, pid: u32) {
    check.spec().note(format!("SIGSTOP to pid {pid}"));
    process::signal(pid, Signal::SIGSTOP);
    check.eventually("the process is stopped by SIGSTOP", || process::is_stopped(pid).then_some(()));
}

/// Lets a process go on that was stopped.
pub fn resume(check: &Check, pid: u32) {
    check.spec().note(format!("SIGCONT to pid {pid}"));
    process::signal(pid, Signal::SIGCONT);
}

/// A program that waits in vain computes for less than this part of the limit.
const AT_WORK: u32 = 500;

/// A running program.
pub struct Running {
    child: Child,
    mark: Mark,
    /// Dropped after `drop` has killed it.
    _kept: Kept,
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
        self.child.id()
    }

    /// The check that has started the program.
    pub(crate) fn spec(&self) -> &Spec {
        &self.spec
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
                let left = self.stdin.as_ref().map_or(0, |stdin| unread(stdin, nix::libc::FIONREAD));
                (left == 0 || !self.is_running()).then_some(())
            });
        }
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
        match self.stdout.wait_line(number, limit::limit()) {
            Awaited::Found(line) => {
                self.next_line += 1;
                to_line(&line)
            }
            Awaited::Ended => {
                // Its last words may come a moment after the end of stdout.
                self.stderr.wait_for_end(limit::BRIEFLY);
                check.fail(&expected, &format!("end of file; stderr says:\n{}", or_nothing(&self.stderr())))
            }
            Awaited::TimeOut(waited) if self.stdout.rest().is_empty() => check.time_out(&expected, waited),
            Awaited::TimeOut(_) => {
                check.fail(&expected, &format!("text without a newline at its end: {}", self.stdout.rest()))
            }
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
        let expected = format!("a line of stderr that {}", describe_predicate(predicate));
        self.wait_for_log(check, &expected, |line| predicate.eval(line))
    }

    /// Waits until a line of stderr is exactly this one.
    pub fn logs(&self, check: &Check, line: &str) {
        self.wait_for_log(check, &format!("this line on stderr: {line}"), |logged| logged == line);
    }

    fn wait_for_log(&self, check: &Check, expected: &str, is_it: impl Fn(&str) -> bool) -> String {
        let until = match self.stderr.wait_for(is_it) {
            Awaited::Found(line) => return line,
            Awaited::Ended => "these lines, and then the program closed stderr".to_owned(),
            Awaited::TimeOut(waited) => format!("only these lines {}", waited.within()),
        };
        check.fail(expected, &format!("{until}:\n{}", or_nothing(&self.stderr())))
    }

    /// The lines of stderr so far that contain this text. A line that is half written is none.
    pub fn logged(&self, text: &str) -> Vec<String> {
        self.stderr.so_far().into_iter().filter(|line| line.contains(text)).collect()
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
        self.listens_to_this_machine_alone(check, http.address());
        http
    }

    /// On Linux, all of 127.0.0.0/8 is this machine. Who listens on 127.0.0.1 refuses 127.0.0.2, and who listens on
    /// every address does not.
    fn listens_to_this_machine_alone(&self, check: &Check, address: &str) {
        if !cfg!(target_os = "linux")
            || TcpStream::connect(address.replace("127.0.0.1", "127.0.0.2")).is_err()
        {
            return;
        }
        // Another program may have that port of that address. The system's table tells, but it can be long.
        let addresses = process::listening(self.pid()).unwrap_or_default();
        if let Some(address) = addresses.iter().find(|address| !address.ip().is_loopback()) {
            let expected = "a server that listens on 127.0.0.1 alone, so that no other machine can reach it";
            check.fail(expected, &format!("it listens on {address}"));
        }
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        self.spec.note(format!("{signal} to {}", self.who));
        // That it is gone already shows in what the spec checks next.
        let _ = signal::kill(Pid::from_raw(self.pid().cast_signed()), signal);
    }

    /// Sends a signal to the program and all its children, as a terminal does on Ctrl-C.
    pub fn signal_group(&self, signal: Signal) {
        self.spec.note(format!("{signal} to {} and its children", self.who));
        let _ = signal::killpg(Pid::from_raw(self.pid().cast_signed()), signal);
    }

    /// Stops the program alone with SIGSTOP, until [`resume`](Self::resume); for a worker, see [`pause`].
    pub fn pause(&self, check: &Check) {
        pause(check, self.pid());
    }

    /// Lets the program go on.
    pub fn resume(&self, check: &Check) {
        resume(check, self.pid());
    }

    /// The most memory that the program itself has had resident, in bytes. `None` where only Linux shows it, and when
    /// the program has ended.
    pub fn peak_memory(&self) -> Option<u64> {
        process::peak_memory(self.pid())
    }

    /// How long the program itself has had a processor. `None` where only Linux shows it.
    pub fn processor_time(&self) -> Option<Duration> {
        process::processor_time(self.pid())
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        self.try_wait().is_none()
    }

    /// Waits for the program's end. On a busy machine, a program that computes may get little of a processor within
    /// the limit: it has more time, as long as it is in no endless loop.
    pub fn wait(&mut self, check: &Check) -> ExitStatus {
        let limit = limit::limit();
        let give_up = Instant::now() + limit * 10;
        let mut computed = Duration::ZERO;
        loop {
            let waited = match check.wait_for(|| self.try_wait().ok_or(())) {
                Ok(status) => return status,
                Err(((), waited)) => waited,
            };
            // At one moment it may wait for whoever reads its output, so the whole time counts.
            let until_now = self.processor_time().unwrap_or_default();
            let is_at_work = until_now > computed + limit / AT_WORK && until_now < limit;
            let is_at_work = is_at_work && order::hurry(self.spec.inner.step) == 1;
            if !is_at_work || !matches!(waited, Waited::Long(_)) || Instant::now() >= give_up {
                check.time_out("the program ends", waited);
            }
            computed = until_now;
        }
    }

    /// Waits for the program's end. Its exit status must be 0.
    pub fn ends_well(&mut self, check: &Check) {
        let status = self.wait(check);
        check.holds("the program ends with exit status 0", status.code() == Some(0), describe(status));
    }

    /// SIGTERM must end the program, with exit status 0.
    pub fn stops(&mut self, check: &Check) {
        self.signal(Signal::SIGTERM);
        self.ends_well(check);
    }

    fn try_wait(&mut self) -> Option<ExitStatus> {
        if self.status.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.spec.transcript().note(self.who.as_str(), format!("ended: {}", describe(status)));
            self.status = Some(status);
        }
        self.status
    }

    /// Closes stdin, waits for the program's end and for the end of its output.
    pub fn finish(&mut self, check: &Check) -> Finished {
        self.close_stdin();
        let status = self.wait(check);
        for (name, lines) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !lines.wait_for_end(limit::limit()) {
                check.fail(
                    &format!("end of file on {name}, since the program has ended"),
                    "a process that the program left behind still holds it; see the processes below",
                );
            }
        }
        // Now that all its words are here, it is certain whether it ran into a todo! that matters.
        if self.spec.todo().is_some() {
            check.fail("the program comes to its end", &describe(status));
        }
        Finished { check: check.clone(), status, stdout: self.stdout(), stderr: self.stderr() }
    }

    /// Waits until no process is left that the program has started, the program included.
    pub fn leaves_nothing_behind(&mut self, check: &Check) {
        self.wait(check);
        // An orphan that has ended is left to whoever waits for orphans. In a container, that can take seconds.
        let is_left = |info: &process::Info| !(info.is_zombie() && info.parent == 1);
        check.eventually("no process of the program is left", || {
            (!process::family(self.pid(), &self.mark).iter().any(is_left)).then_some(())
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        process::end_family(self.pid(), &self.mark);
        let _ = self.child.wait();
    }
}

/// A program that has ended. Each method checks something and gives it back for the next.
pub struct Finished {
    check: Check,
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Finished {
    /// The exit status must be this one: 0 done, 1 the work failed, 2 the input or the configuration was bad.
    pub fn code(self, code: i32) -> Self {
        if self.status.code() != Some(code) {
            self.check.fail(&format!("exit status {code}"), &self.describe());
        }
        self
    }

    /// What is on stdout must fulfil `predicate`; `expected` says it in words.
    pub fn stdout_is(self, expected: &str, predicate: &impl Predicate<str>) -> Self {
        self.check.holds(&format!("on stdout: {expected}"), predicate.eval(&self.stdout), &self.stdout);
        self
    }

    /// What is on stderr must fulfil `predicate`; `expected` says it in words.
    pub fn stderr_is(self, expected: &str, predicate: &impl Predicate<str>) -> Self {
        self.check.holds(&format!("on stderr: {expected}"), predicate.eval(&self.stderr), &self.stderr);
        self
    }

    /// stdout must be this JSON document on a line of its own, in whatever spelling.
    pub fn prints_json(self, expected: &Value) -> Self {
        let printed = serde_json::from_str(&self.stdout).ok();
        if self.stdout.lines().count() != 1 || printed.as_ref() != Some(expected) {
            self.check.fail(&format!("one line on stdout: {expected}"), &self.output());
        }
        self
    }

    /// An error must be one line, `error: what: why`, that contains each of `words`.
    pub fn reports_error(self, words: &[&str]) -> Self {
        let errors: Vec<&str> = self.errors().collect();
        let says_all =
            |line: &&str| words.iter().all(|word| line.contains(word)) && !line.contains("error: error:");
        if errors.len() != 1 || !errors.iter().any(says_all) {
            let quoted: Vec<_> = words.iter().map(|word| format!("`{}`", word.trim_end())).collect();
            let says = if words.is_empty() { "" } else { " that says " };
            let expected = format!("one line `error: what: why` on stderr{says}{}", quoted.join(" and "));
            self.check.fail(&expected, &self.stderr);
        }
        self
    }

    /// There must be no line `error: …` on stderr. Other lines are the program's own affair.
    pub fn reports_no_error(self) -> Self {
        let error = self.errors().next();
        self.check.holds("no line `error: …` on stderr", error.is_none(), error.unwrap_or_default());
        self
    }

    fn errors(&self) -> impl Iterator<Item = &str> {
        self.stderr.lines().filter(|line| line.starts_with("error: "))
    }

    /// stdout as text.
    pub fn stdout(&self) -> String {
        self.stdout.clone()
    }

    /// stderr as text.
    pub fn stderr(&self) -> String {
        self.stderr.clone()
    }

    /// How the program ended.
    pub fn status(&self) -> ExitStatus {
        self.status
    }

    /// How the program ended and what it wrote, for a report.
    pub fn describe(&self) -> String {
        format!("{}\nstdout: {}", describe(self.status), self.output())
    }

    fn output(&self) -> String {
        let (stdout, stderr) = (or_nothing(self.stdout.trim_end()), or_nothing(self.stderr.trim_end()));
        format!("{stdout}\nstderr: {stderr}")
    }
}

/// With which settings a program is started, as ` with NAME=value …`.
fn settings(command: &Command) -> String {
    let told = |(name, value): (&OsStr, Option<&OsStr>)| {
        let shown = name != "RUST_BACKTRACE" && name != Mark::NAME;
        value.filter(|_| shown).map(|value| format!("{}={}", name.display(), value.display()))
    };
    let settings: Vec<_> = command.get_envs().filter_map(told).collect();
    if settings.is_empty() { String::new() } else { format!(" with {}", settings.join(" ")) }
}

/// A predicate shows itself as `var.contains(text)`, and two of them as `(… && …)`.
fn describe_predicate(predicate: &impl Predicate<str>) -> String {
    let code = predicate.to_string();
    let code = code.strip_prefix('(').and_then(|code| code.strip_suffix(')')).unwrap_or(&code);
    code.replace("var.", "")
        .replace("contains(", "contains (")
        .replace("starts_with(", "starts with (")
        .replace(" && ", " and ")
}

/// How a process ended, in words.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(101), _) => "exit status 101 (a panic; see stderr)".into(),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(Ok(signal))) => format!("killed by {signal}"),
        _ => status.to_string(),
    }
}

/// What a program has said, in a sentence that would end without a word otherwise.
fn or_nothing(said: &str) -> &str {
    if said.trim().is_empty() { "(nothing)" } else { said }
}
