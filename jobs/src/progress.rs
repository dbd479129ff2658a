//! What one worker was given, and what it has said about it.

use crate::account::Account;
use crate::{Jobs, NumberedMail, Report, State};
use mail::{count, excerpt};
use std::collections::HashMap;

/// What one worker was given, and what it has said about it so far.
///
/// When it is dropped before it was closed, because a task panicked, its mails have failed or are unknown: a job always
/// finishes.
pub struct Progress {
    /// `None` when it is closed.
    jobs: Option<Jobs>,
    job: u64,
    worker: u32,
    /// The place of each mail in the job, in order.
    places: Vec<usize>,
    by_id: HashMap<String, usize>,
    reports: bool,
    has_news: bool,
}

impl Progress {
    pub(crate) fn new(jobs: Jobs, job: u64, mails: &[NumberedMail], worker: u32, reports: bool) -> Self {
        Self {
            jobs: Some(jobs),
            job,
            worker,
            places: mails.iter().map(|mail| mail.place).collect(),
            by_id: mails.iter().map(|mail| (mail.message_id.clone(), mail.place)).collect(),
            reports,
            has_news: false,
        }
    }

    /// That of a worker that has nothing to do.
    pub fn empty() -> Self {
        Self::new(Jobs::new(), 0, &[], 0, true)
    }

    /// Takes down a report. Returns true for the reply, after which nothing more comes.
    ///
    /// # Errors
    /// One line of text when the report can't be true.
    pub fn note(&mut self, report: &Report) -> Result<bool, String> {
        let (id, next) = match report {
            Report::Reply(reply) => {
                self.note_reply(reply.counter)?;
                self.has_news = true;
                return Ok(true);
            }
            Report::Started { started } => (started, State::Started),
            Report::Sent { sent } => (sent, State::Sent),
            Report::Failed { failed, why } => (failed, State::Failed(excerpt(why).into())),
            Report::Unknown { unknown, why } => (unknown, State::Unknown(excerpt(why).into())),
        };
        let Some(place) = self.by_id.get(id).copied() else {
            return Err(format!("it reports the mail {}, which it was not given", excerpt(id)));
        };
        let noted = self.with_account(|account| {
            let is_new = match account.state(place) {
                State::NotStarted => true,
                State::Started => next != State::Started,
                State::Sent | State::Failed(_) | State::Unknown(_) => false,
            };
            if is_new {
                account.set(place, next);
            }
            is_new
        });
        if noted == Some(false) {
            return Err(format!("it reports the mail {id} a second time"));
        }
        (self.reports, self.has_news) = (true, true);
        Ok(false)
    }

    /// A reply counts the mails that were sent. The account keeps each of them, so a count is believed when it says the
    /// same of all mails that were not reported: that they are sent. Otherwise no one can say which are.
    fn note_reply(&mut self, counter: usize) -> Result<(), String> {
        let given = self.places.len();
        let places = &self.places;
        let counted = self.with_account(|account| {
            let sent = places.iter().filter(|place| *account.state(**place) == State::Sent).count();
            let open: Vec<usize> =
                places.iter().copied().filter(|place| is_open(account.state(*place))).collect();
            let Some(more) = counter.checked_sub(sent) else {
                return Err(format!("it counts {}, but has reported {sent}", count(counter, "mail")));
            };
            if more > open.len() {
                return Err(format!(
                    "it counts {}, which cannot be: it was given {given}",
                    count(counter, "mail")
                ));
            }
            let all = more == open.len();
            if all {
                open.iter().for_each(|place| account.set(*place, State::Sent));
            }
            Ok(all || more == 0)
        });
        if !counted.unwrap_or(Ok(true))? {
            self.reports = false;
        }
        Ok(())
    }

    /// Whether the worker reports each mail before it starts it. If so, a mail that it hasn't reported is not started.
    pub fn reports(&self) -> bool {
        self.reports
    }

    /// Whether the worker has done anything at all.
    pub fn has_news(&self) -> bool {
        self.has_news
    }

    /// Nothing more will come: the worker has replied, or is gone. `settle` says what is known now about a mail that
    /// isn't settled yet. Returns the mails that are not started.
    pub fn close(mut self, settle: impl Fn(State) -> State) -> Vec<NumberedMail> {
        self.settle(settle)
    }

    fn settle(&mut self, settle: impl Fn(State) -> State) -> Vec<NumberedMail> {
        let mut rest = Vec::new();
        self.with_account(|account| {
            for place in &self.places {
                if is_open(account.state(*place)) {
                    account.set(*place, settle(account.state(*place).clone()));
                }
                if *account.state(*place) == State::NotStarted {
                    rest.extend(account.mail(*place).cloned());
                }
            }
        });
        if let Some(jobs) = self.jobs.take() {
            jobs.leave(self.job, self.worker);
        }
        rest
    }

    fn with_account<T>(&self, act: impl FnOnce(&mut Account) -> T) -> Option<T> {
        self.jobs.as_ref()?.with_account(self.job, act)
    }
}

fn is_open(state: &State) -> bool {
    matches!(state, State::NotStarted | State::Started)
}

impl Drop for Progress {
    fn drop(&mut self) {
        let Some(jobs) = self.jobs.clone() else { return };
        let (why, reports) = ("the server lost track of its worker", self.reports);
        self.settle(|state| match state {
            State::NotStarted if reports => State::Failed(why.into()),
            _ => State::Unknown(why.into()),
        });
        jobs.finish_if_settled(self.job);
    }
}
