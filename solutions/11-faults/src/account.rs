//! What became of each mail of a job.

use crate::{Answer, NumberedMail, Report};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// What the parent knows about one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has begun it.
    Left,
    /// A worker has begun it and said nothing since.
    Begun,
    /// The mail server has accepted it.
    Sent,
    /// The mail server has not accepted it; why.
    Failed(String),
    /// The mail server may have accepted it; why nobody knows.
    Unknown(String),
    /// A worker without reports gave a number of sent mails, and this one may be among them.
    Counted,
}

/// The mails of one job, by Message-ID.
#[derive(Clone, Debug, Default)]
pub struct Account {
    entries: Vec<Entry>,
    by_id: HashMap<String, usize>,
    /// How many of those that were `Counted` are sent.
    counted_sent: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    mail: NumberedMail,
    state: State,
}

/// The numbers of a job. All mails are in exactly one of the last four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Numbers {
    /// All mails of the job.
    pub asked: usize,
    /// Accepted by the mail server.
    pub sent: usize,
    /// Not accepted by the mail server.
    pub failed: usize,
    /// Accepted or not: nobody knows.
    pub unknown: usize,
    /// Not begun, or still in work.
    pub left: usize,
}

/// A mail that needs somebody's attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The recipient.
    pub to: String,
    /// The Message-ID.
    #[serde(rename = "messageId")]
    pub message_id: String,
    /// `failed` or `unknown`.
    pub state: &'static str,
    /// One line of text.
    pub why: String,
}

impl Account {
    /// Opens the account of a job: nobody has begun anything.
    pub fn new(mails: Vec<NumberedMail>) -> Self {
        let by_id = mails.iter().enumerate().map(|(index, mail)| (mail.message_id.clone(), index)).collect();
        let entries = mails.into_iter().map(|mail| Entry { mail, state: State::Left }).collect();
        Self { entries, by_id, counted_sent: 0 }
    }

    // ANCHOR: close
    /// A worker that was given the mails `ids` has ended, and will say no more. What it has begun, and not told
    /// the end of, is unknown. What it has not begun is left. A worker that never reports (`reports` is false)
    /// may have begun every mail that it was given.
    pub fn close(&mut self, ids: &HashSet<String>, reports: bool, why: &str) {
        // ANCHOR: step_5 todo!("5: of each of these mails: what is known now?")
        for id in ids {
            let state = self.state_mut(id);
            match state {
                State::Begun => *state = State::Unknown(why.to_owned()),
                State::Left if !reports => *state = State::Unknown(why.to_owned()),
                State::Left | State::Sent | State::Failed(_) | State::Unknown(_) | State::Counted => {}
            }
        }
        // ANCHOR_END: step_5
    }
    // ANCHOR_END: close

    // ANCHOR: unsent
    /// The mails that were not sent as far as anybody knows, each with the Message-ID that it always had. For
    /// each of them the account starts again.
    pub fn unsent(&mut self) -> Vec<NumberedMail> {
        // ANCHOR: step_6 todo!("6: the mails to send again; each of them is left again")
        let mut mails = Vec::new();
        for entry in &mut self.entries {
            match entry.state {
                State::Left | State::Failed(_) | State::Unknown(_) => {
                    entry.state = State::Left;
                    mails.push(entry.mail.clone());
                }
                State::Begun | State::Sent | State::Counted => {}
            }
        }
        mails
        // ANCHOR_END: step_6
    }
    // ANCHOR_END: unsent

    /// Writes down what a worker that was given the mails `ids` says about one of them.
    ///
    /// # Errors
    /// One line of text when it cannot be true: such a worker is not to be believed any more.
    pub fn note(&mut self, ids: &HashSet<String>, report: &Report) -> Result<(), String> {
        let (id, next) = match report {
            Report::Answer(answer) => return self.note_answer(ids, answer),
            Report::Begun { begun } => (begun, State::Begun),
            Report::Sent { sent } => (sent, State::Sent),
            Report::Failed { failed, why } => (failed, State::Failed(why.clone())),
            Report::Unknown { unknown, why } => (unknown, State::Unknown(why.clone())),
        };
        if !ids.contains(id) {
            return Err(format!("it reports the mail {id}, which it was not given"));
        }
        match (self.state_mut(id), next) {
            (state @ (State::Left | State::Begun), next) if *state != next => {
                *state = next;
                Ok(())
            }
            _ => Err(format!("it reports the mail {id} a second time")),
        }
    }

    /// The number in an answer is what remains to be told when each mail is reported, and all that is told when
    /// none is.
    fn note_answer(&mut self, ids: &HashSet<String>, answer: &Answer) -> Result<(), String> {
        let told = ids.iter().filter(|id| *self.state_mut(id) == State::Sent).count();
        let open = |state: &State| matches!(state, State::Left | State::Begun);
        let untold: Vec<&String> = ids.iter().filter(|id| open(self.state_mut(id))).collect();
        let Some(more) = answer.counter.checked_sub(told).filter(|more| *more <= untold.len()) else {
            return Err(format!("it counts {} mails, which cannot be", answer.counter));
        };
        let state = match more {
            0 => State::Failed("the worker did not say why".into()),
            _ => State::Counted,
        };
        self.counted_sent += more;
        for id in untold {
            *self.state_mut(id) = state.clone();
        }
        Ok(())
    }

    /// What is known about one mail; `None` when it is none of this job's.
    pub fn state(&self, id: &str) -> Option<&State> {
        self.by_id.get(id).map(|index| &self.entries[*index].state)
    }

    /// The numbers at this moment.
    pub fn numbers(&self) -> Numbers {
        let count =
            |wanted: fn(&State) -> bool| self.entries.iter().filter(|entry| wanted(&entry.state)).count();
        let counted = count(|state| *state == State::Counted);
        Numbers {
            asked: self.entries.len(),
            sent: count(|state| *state == State::Sent) + self.counted_sent,
            failed: count(|state| matches!(state, State::Failed(_))) + counted - self.counted_sent,
            unknown: count(|state| matches!(state, State::Unknown(_))),
            left: count(|state| matches!(state, State::Left | State::Begun)),
        }
    }

    /// The mails that failed or are unknown, in order.
    pub fn problems(&self) -> Vec<Problem> {
        let problem = |entry: &Entry| {
            let (state, why) = match &entry.state {
                State::Failed(why) => ("failed", why.clone()),
                State::Unknown(why) => ("unknown", why.clone()),
                _ => return None,
            };
            let (to, message_id) = (entry.mail.mail.to.clone(), entry.mail.message_id.clone());
            Some(Problem { to, message_id, state, why })
        };
        self.entries.iter().filter_map(problem).collect()
    }

    fn state_mut(&mut self, id: &str) -> &mut State {
        &mut self.entries[self.by_id[id]].state
    }
}
