//! What a failing check says.

use crate::limit;
use crate::spec::{Inner, Spec};
use crate::text::{anchor, counted, shorten};
use serde_json::Value;
use std::fmt::{Debug, Display};
use std::panic::resume_unwind;

/// How much of a value a failure shows, in characters.
const SHOWN_CHARS: usize = 600;

/// A check: what the spec has done, and which section of the chapter speaks about it.
///
/// Made by [`Spec::check`]. Each method compares something and, where it is not as expected, ends the test
/// with a report: what was done, what was expected, what came instead, what to read, how to repeat it, the
/// transcript and the processes.
#[derive(Clone)]
pub struct Check {
    spec: Spec,
    section: String,
    did: String,
}

impl Check {
    pub(crate) fn new(spec: &Spec, section: &str, did: String) -> Self {
        spec.note(format!("check: {did}"));
        Self { spec: spec.clone(), section: section.to_owned(), did }
    }

    /// `got` must equal `expected`. `what` names the thing, for example "the exit status".
    #[track_caller]
    pub fn equal<T: PartialEq + Debug + ?Sized>(&self, what: &str, got: &T, expected: &T) {
        if got != expected {
            self.fail(&format!("{what} is {expected:?}"), &format!("{got:?}"));
        }
    }

    /// The JSON value `got` must equal `expected`. Like [`equal`](Self::equal), but both are shown as JSON.
    pub fn json(&self, what: &str, got: &Value, expected: &Value) {
        self.holds(&format!("{what} is {expected}"), got == expected, got);
    }

    /// `holds` must be true. `expected` says in words what should be so, `got` what is.
    pub fn holds(&self, expected: &str, holds: bool, got: impl Display) {
        if !holds {
            self.fail(expected, &got.to_string());
        }
    }

    /// Waits until `condition` gives a value. When the limit runs out, the check fails with `expected` and with
    /// the process tree.
    pub fn eventually<T>(&self, expected: &str, mut condition: impl FnMut() -> Option<T>) -> T {
        self.wait_for(|| condition().ok_or(())).unwrap_or_else(|()| self.time_out(expected))
    }

    /// Waits until `attempt` gives `Ok`. When the limit runs out, the check fails with the last `Err`, which says what
    /// was there instead.
    pub fn eventually_gives<T>(&self, expected: &str, attempt: impl FnMut() -> Result<T, String>) -> T {
        self.wait_for(attempt)
            .unwrap_or_else(|last| self.fail(expected, &format!("after {} still: {last}", describe_limit())))
    }

    /// The first `Ok`, or the last `Err` when the limit runs out. After a todo! nothing more is to be expected, so an
    /// unsolved lesson is told at once.
    fn wait_for<T, E>(&self, mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        let mut last = None;
        limit::poll(limit::limit(), || {
            let result = last.insert(attempt());
            (result.is_ok() || self.spec.todo().is_some()).then_some(())
        });
        last.unwrap_or_else(attempt)
    }

    /// Fails: what was expected did not happen within the limit.
    pub fn time_out(&self, expected: &str) -> ! {
        let tree = self.spec.process_tree();
        let processes = if tree.is_empty() { "no process is left" } else { "see the processes below" };
        self.fail(expected, &format!("nothing of the kind within {}; {processes}", describe_limit()))
    }

    /// Ends the test with a report.
    pub fn fail(&self, expected: &str, got: &str) -> ! {
        // A program that dies of a todo! closes its pipes and sockets first; its last words come a moment later.
        let todo = limit::poll(limit::BRIEFLY, || self.spec.todo());
        let report = todo.map_or_else(|| self.report(expected, got), |todo| self.report_todo(&todo));
        eprintln!("{report}");
        // Not a panic!: its hook would add a source line and a backtrace that help no learner.
        resume_unwind(Box::new(report));
    }

    /// The same check about another section of the chapter: what was done is the same, what is looked at now is not.
    pub fn about(&self, section: &str) -> Self {
        Self { section: section.to_owned(), ..self.clone() }
    }

    /// The spec that this check belongs to.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What an unsolved lesson says: no transcript, since nothing is broken.
    fn report_todo(&self, todo: &str) -> String {
        let Inner { chapter, package, .. } = &*self.spec.inner;
        // The text of a `todo!` begins with `todo N: `.
        let step = todo.trim_start_matches("todo ").split(':').next().unwrap_or_default();
        format!(
            "\nNOT WRITTEN YET: {} ({package})\n\
             \n  done:      {}\n  came:      {}\n\
             \n  read:      step {step} of \"Your task\" in book/src/{chapter}.md\n",
            self.test(),
            indented(&self.did),
            indented(todo),
        )
    }

    fn report(&self, expected: &str, got: &str) -> String {
        let Inner { chapter, package, seed, .. } = &*self.spec.inner;
        let (section, test) = (&self.section, self.test());
        let tree = self.spec.process_tree();
        format!(
            "\nCHECK FAILED: {test} ({package})\n\
             \n  done:      {}\n  expected:  {}\n  came:      {}\n\
             \n  read:      \"{section}\" in book/src/{chapter}.md#{}\n\
             \n  repeat:    WORKSHOP_SEED={seed} cargo test -p {package} {test}\n\
             \nWhat happened, in milliseconds since the check began:\n{}{}{tree}",
            indented(&self.did),
            indented(expected),
            indented(got),
            anchor(section),
            self.spec.transcript().render(),
            if tree.is_empty() { "" } else { "\nThe processes at this moment:\n" },
        )
    }

    fn test(&self) -> &str {
        self.spec.inner.test.as_deref().unwrap_or_default()
    }
}

/// The limit of every wait: `10 seconds`.
pub(crate) fn describe_limit() -> String {
    counted(usize::try_from(limit::limit().as_secs()).unwrap_or(usize::MAX), "second")
}

/// What there is room for. Lines after the first begin under the first.
fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| shorten(line, SHOWN_CHARS)).take(30).collect();
    let text = lines.join("\n             ");
    if text.is_empty() { "(nothing)".to_owned() } else { text.trim_end().to_owned() }
}
