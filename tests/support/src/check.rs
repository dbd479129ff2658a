//! What a failing check says.

use crate::spec::{Inner, LaterSteps, Spec, Todo};
use crate::text::{anchor, shorten};
use crate::wait::{Wait, Waited};
use crate::{limit, order};
use serde_json::Value;
use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// How much of a value a failure shows, in characters.
const SHOWN_CHARS: usize = 600;

/// How long the last words of a program may take after its last deed, on a busy machine.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A check: what the spec has done.
///
/// Made by [`Spec::check`]. Each method compares something and, where it is not as expected, ends the test
/// with a report: what was done, what was expected, what came instead, what to read, how to repeat it, the
/// transcript and the processes.
#[derive(Clone)]
pub struct Check {
    spec: Spec,
    did: String,
}

/// What ends a check at the `todo!` of a later step.
struct LaterStep;

impl Check {
    pub(crate) fn new(spec: &Spec, did: String) -> Self {
        spec.note(format!("check: {did}"));
        Self { spec: spec.clone(), did }
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
        self.wait_for(|| condition().ok_or(())).unwrap_or_else(|((), waited)| self.time_out(expected, waited))
    }

    /// Waits until `attempt` gives `Ok`. When the limit runs out, the check fails with the last `Err`, which says what
    /// was there instead.
    pub fn eventually_gives<T>(&self, expected: &str, attempt: impl FnMut() -> Result<T, String>) -> T {
        self.wait_for(attempt).unwrap_or_else(|(last, waited)| {
            self.fail(expected, &format!("{} still: {last}", waited.after()))
        })
    }

    /// Waits like [`eventually`](Self::eventually), but what does not come is no failure: another step answers for it.
    /// Only a `todo!` ends the check, where it would end any wait.
    pub fn comes<T>(&self, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
        let came = self.wait_for(|| condition().ok_or(())).ok();
        if came.is_none() {
            self.end_at_todo();
        }
        came
    }

    /// Ends the check where the program has run into a `todo!` that matters.
    pub(crate) fn end_at_todo(&self) {
        // Its words may come a moment later.
        if self.last_words().is_some() {
            self.fail("that this is written", "a todo!");
        }
    }

    /// The `todo!` that matters, once a program had the time to say it.
    fn last_words(&self) -> Option<Todo> {
        limit::poll(self.spec.in_hurry(LAST_WORDS), || self.spec.todo())
    }

    /// The first `Ok`, or the last `Err` and why that was enough. After a todo! nothing more is to be expected, so an
    /// unsolved lesson is told at once.
    pub(crate) fn wait_for<T, E>(&self, mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, (E, Waited)> {
        let mut wait = Wait::begin(&self.spec);
        loop {
            // Before the attempt: what came until then counts.
            let over = wait.is_over();
            match (attempt(), over) {
                (Ok(value), _) => return Ok(value),
                (Err(last), Some(waited)) => return Err((last, waited)),
                (Err(_), None) => wait.pause(),
            }
        }
    }

    /// Fails: what was expected did not happen.
    pub(crate) fn time_out(&self, expected: &str, waited: Waited) -> ! {
        let processes = if self.spec.process_tree().is_empty() { "; no process is left" } else { "" };
        self.fail(expected, &format!("nothing of the kind {}{processes}", waited.within()))
    }

    /// Ends the test with a report. Where a check of an earlier step has failed, the report is short, and names it.
    pub fn fail(&self, expected: &str, got: &str) -> ! {
        // A program that dies of a todo! closes its pipes and sockets first; its last words come a moment later.
        let todo = self.last_words();
        if todo.as_ref().is_some_and(|todo| self.spec.may_end_at(todo)) {
            resume_unwind(Box::new(LaterStep));
        }
        // A program that closes what it had open doesn't say why. Its panic does.
        let panic =
            self.spec.last_panic().filter(|panic| !got.contains(panic.lines().next().unwrap_or_default()));
        let got = &panic.map_or_else(|| got.to_owned(), |panic| format!("{got}\nand a panic: {panic}"));
        let report = match &todo {
            Some(todo) => self.report_todo(&todo.text),
            None => match order::failed_before(self.spec.inner.step) {
                Some(before) => self.report_after(&before, expected, got),
                None => self.report(expected, got),
            },
        };
        eprintln!("{report}");
        // What is not written yet is no mistake, so it isn't to blame for one in a later step.
        if todo.is_none() {
            order::failed();
        }
        // Not a panic!: its hook would add a source line and a backtrace that help no learner.
        resume_unwind(Box::new(report));
    }

    /// Goes on with what needs later steps, too. Where the program has run into the `todo!` of a later step, or does so now,
    /// the check passes: it has done what this step is about. See [`Spec::early_check`].
    pub fn as_far_as_written(&self, act: impl FnOnce()) {
        self.spec.later_steps(LaterSteps::MayEndIt);
        if self.spec.todo().is_some_and(|todo| self.spec.may_end_at(&todo)) {
            return;
        }
        match catch_unwind(AssertUnwindSafe(act)) {
            Err(end) if !end.is::<LaterStep>() => resume_unwind(end),
            _ => self.spec.later_steps(LaterSteps::Matter),
        }
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
             \n  done:      {}\n  got:       {}\n\
             \n  read:      step {step} of \"Your task\" in book/src/{chapter}.md\n",
            self.test(),
            indented(&self.did),
            indented(todo),
        )
    }

    /// What a check says when one of an earlier step has failed, too.
    fn report_after(&self, before: &str, expected: &str, got: &str) -> String {
        let (package, test) = (&self.spec.inner.package, self.test());
        format!(
            "\nFAILS, TOO: {test} ({package})\n\
             \n  expected:  {}\n  got:       {}\n\
             \n  first:     {before} fails in an earlier step. Mend that one, and this one may pass.\n",
            indented(expected),
            indented(got),
        )
    }

    fn report(&self, expected: &str, got: &str) -> String {
        let Inner { package, seed, .. } = &*self.spec.inner;
        let test = self.test();
        let tree = self.spec.process_tree();
        format!(
            "\nCHECK FAILED: {test} ({package})\n\
             \n  done:      {}\n  expected:  {}\n  got:       {}\n\
             \n  read:      {}\n\
             \n  repeat:    WORKSHOP_SEED={seed} cargo test -p {package} {test}\n\
             \nWhat happened, in milliseconds since the check began:\n{}{}{tree}",
            indented(&self.did),
            indented(expected),
            indented(got),
            self.to_read(),
            self.spec.transcript().render(),
            if tree.is_empty() { "" } else { "\nThe processes at this moment:\n" },
        )
    }

    /// Where the chapter speaks about the step of this check.
    fn to_read(&self) -> String {
        let Inner { chapter, heading, step, .. } = &*self.spec.inner;
        match heading {
            Some(heading) => format!("\"{heading}\" in book/src/{chapter}.md#{}", anchor(heading)),
            None => format!("step {step} of \"Your task\" in book/src/{chapter}.md"),
        }
    }

    fn test(&self) -> &str {
        self.spec.inner.test.as_deref().unwrap_or_default()
    }
}

/// What there is room for. Lines after the first begin under the first.
fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| shorten(line, SHOWN_CHARS)).take(30).collect();
    let text = lines.join("\n             ");
    if text.is_empty() { "(nothing)".to_owned() } else { text.trim_end().to_owned() }
}
