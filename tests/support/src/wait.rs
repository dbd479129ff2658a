//! How long a check waits: until the limit, until nothing in the program's process tree runs or changes any more, or until
//! the program computes and computes, and nothing comes of it.

use crate::process::{Activity, activity};
use crate::text::counted;
use crate::{Spec, limit, order};
use std::cell::RefCell;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// For so long a wait is ordinary, and nobody looks.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often to look.
const WINDOW: Duration = Duration::from_millis(70);
/// How often to look for new processes.
const COUNT: Duration = Duration::from_millis(500);
/// What a program does because a check has asked it is over after this time.
const SETTLING: Duration = Duration::from_millis(30);
/// How long nothing may happen, as a part of the limit: 2 seconds of 10, and 2 at least.
const QUIET: u32 = 5;
/// For how long the programs may compute while nothing else happens, as a part of the limit: 1 second of 10, and 1 at least. It is their time on
/// a processor, so a busy machine takes nothing away from it.
const ENDLESS: u32 = 10;

impl Spec {
    /// How long to wait where `time` is the time to wait: less, from the moment on when a check of this step or an earlier one
    /// has failed.
    pub fn in_hurry(&self, time: Duration) -> Duration {
        time / order::hurry(self.inner.step)
    }
}

/// A wait for what a program is to do.
pub(crate) struct Wait {
    spec: Spec,
    began: Instant,
    limit: Duration,
    next_look: Instant,
    seen: Option<(Instant, Activity)>,
    /// When all processes of the test were counted last.
    counted: Option<Instant>,
    quiet: Duration,
    computed: Duration,
    /// The length of the transcript when they began to compute.
    entries: usize,
}

/// Why a wait was given up.
#[derive(Clone, Copy)]
pub(crate) enum Waited {
    /// The limit has run out.
    Long(Duration),
    /// No process of the program has done anything for a while.
    Enough(Duration),
    /// The program has computed for a while, and nothing has come of it.
    Endless(Duration),
    /// The program has run into a `todo!`, or its output is over.
    InVain,
}

impl Waited {
    /// `within 10 seconds`.
    pub fn within(self) -> String {
        match self {
            Self::Enough(time) => format!("in {}, and by now every process only waits", seconds(time)),
            Self::Endless(time) => format!("in {}, in which a program only computes", seconds(time)),
            Self::Long(time) => format!("within {}", seconds(time)),
            Self::InVain => format!("within {}", seconds(limit::limit())),
        }
    }

    /// `after 10 seconds`.
    pub fn after(self) -> String {
        match self {
            Self::Enough(time) => format!("after {}, when every process only waits,", seconds(time)),
            Self::Endless(time) => format!("after {}, in which a program only computes,", seconds(time)),
            Self::Long(time) => format!("after {}", seconds(time)),
            Self::InVain => format!("after {}", seconds(limit::limit())),
        }
    }
}

fn seconds(time: Duration) -> String {
    match time.as_secs_f64().round() as usize {
        0 => "less than a second".into(),
        number => counted(number, "second"),
    }
}

impl Wait {
    /// The wait begins now.
    pub fn begin(spec: &Spec) -> Self {
        Self::with_limit(spec, limit::limit())
    }

    /// A wait with a limit of its own. It begins now.
    pub fn with_limit(spec: &Spec, limit: Duration) -> Self {
        let began = Instant::now();
        let (spec, next_look, quiet) = (spec.clone(), began + spec.in_hurry(PATIENCE), Duration::ZERO);
        Self { spec, began, limit, next_look, seen: None, counted: None, quiet, computed: quiet, entries: 0 }
    }

    /// Whether there is no use in waiting any longer, and why. A program that runs may do so up to the limit. Where the
    /// system does not tell whether it runs, the limit is all there is.
    pub fn is_over(&self) -> Option<Waited> {
        let limit = self.spec.in_hurry(self.limit);
        let quiet = self.spec.in_hurry((limit::limit() / QUIET).max(Duration::from_secs(2)));
        let endless = self.spec.in_hurry((limit::limit() / ENDLESS).max(Duration::from_secs(1)));
        match self.began.elapsed() {
            _ if self.spec.todo().is_some() => Some(Waited::InVain),
            time if time >= limit => Some(Waited::Long(limit)),
            time if self.quiet >= quiet => Some(Waited::Enough(time)),
            time if self.computed >= endless => Some(Waited::Endless(time)),
            _ => None,
        }
    }

    /// The same for a check that is told when something comes, and does not ask the program meanwhile.
    pub fn watch(&mut self) -> Option<Waited> {
        if Instant::now() >= self.next_look {
            self.look();
        }
        self.is_over()
    }

    /// Lets a moment pass before a check asks the program again, and watches what the program does by itself.
    pub fn pause(&mut self) {
        if self.began.elapsed() < self.spec.in_hurry(PATIENCE) {
            return sleep(limit::LOOK_EVERY);
        }
        sleep(SETTLING);
        let before = self.seen.take().map(|(_, before)| before);
        self.seen = self.now(before.as_ref()).map(|now| (Instant::now(), now));
        sleep(WINDOW);
        self.look();
    }

    fn look(&mut self) {
        self.next_look = Instant::now() + WINDOW;
        let (since, before) = self.seen.take().unzip();
        let Some(now) = self.now(before.as_ref()) else { return };
        match since.filter(|_| before.as_ref() == Some(&now) && !now.is_at_work()) {
            // A machine that was stopped for a while, as a virtual one may be, has not given the program that time.
            Some(since) => self.quiet += since.elapsed().min(WINDOW * 2),
            None => self.quiet = Duration::ZERO,
        }
        self.add_up(before.as_ref(), &now);
        self.seen = Some((Instant::now(), now));
    }

    fn add_up(&mut self, before: Option<&Activity>, now: &Activity) {
        let entries = self.spec.transcript().len();
        if entries != self.entries {
            (self.computed, self.entries) = (Duration::ZERO, entries);
        } else if let Some(before) = before {
            // Less than before: one of them has ended.
            self.computed += now.computed().saturating_sub(before.computed());
        }
    }

    /// What the programs have done so far. To find those that they have started meanwhile takes a look at every process of
    /// the machine, so that is done now and then.
    fn now(&mut self, before: Option<&Activity>) -> Option<Activity> {
        match before.filter(|_| self.counted.is_some_and(|at| at.elapsed() < COUNT)) {
            Some(before) => activity(before.pids()),
            None => {
                self.counted = Some(Instant::now());
                activity(self.spec.family().iter().map(|info| info.pid))
            }
        }
    }
}

/// For who waits elsewhere, and asks now and then whether it is in vain.
pub(crate) fn in_vain(spec: &Spec) -> impl Fn() -> bool {
    let wait = RefCell::new(Wait::begin(spec));
    let spec = spec.clone();
    move || spec.waits_in_vain() || wait.borrow_mut().watch().is_some()
}
