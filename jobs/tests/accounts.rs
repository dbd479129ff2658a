//! What no spec of a program can see: the list of jobs after a thousand, and every way in which reports and a reply can
//! contradict each other.

use jobs::{Jobs, NumberedMail, Progress, Report, RetryError, State};
use mail::{Mail, Reply};
use serde_json::{Value, json};

fn mails(count: usize) -> Vec<Mail> {
    let mail = |number| Mail {
        from: "ann@example.org".into(),
        to: format!("bob{number}@example.org"),
        subject: "Hello".into(),
        text: "Hello there".into(),
    };
    (0..count).map(mail).collect()
}

/// As in lesson 11.
fn settle(state: State, reports: bool) -> State {
    match state {
        State::Started => State::Unknown("gone".into()),
        State::NotStarted if !reports => State::Unknown("gone".into()),
        state => state,
    }
}

fn is_unsent(state: &State) -> bool {
    !matches!(state, State::Sent | State::Started)
}

/// A job that a worker is given whole.
fn assigned(jobs: &Jobs, count: usize, reports: bool) -> (u64, Vec<NumberedMail>, Progress) {
    let (job, mails) = jobs.accept(mails(count));
    let progress = jobs.assign(job, &mails, 1, reports);
    (job, mails, progress)
}

fn close(jobs: &Jobs, job: u64, progress: Progress) -> usize {
    let reports = progress.reports();
    let rest = progress.close(|state| settle(state, reports)).len();
    jobs.finish(job, None);
    rest
}

fn status(jobs: &Jobs, job: u64) -> Value {
    serde_json::to_value(jobs.status(job)).unwrap()
}

/// Sent, failed, unknown, started, not started.
fn numbers(jobs: &Jobs, job: u64) -> [u64; 5] {
    let status = status(jobs, job);
    ["sent", "failed", "unknown", "started", "not_started"].map(|name| status[name].as_u64().unwrap())
}

fn started(mail: &NumberedMail) -> Report {
    Report::Started { started: mail.message_id.clone() }
}

fn sent(mail: &NumberedMail) -> Report {
    Report::Sent { sent: mail.message_id.clone() }
}

fn reply(counter: usize) -> Report {
    Report::Reply(Reply { counter })
}

#[test]
fn each_mail_is_in_one_state_at_every_moment() {
    let jobs = Jobs::new();
    let (job, mails, mut progress) = assigned(&jobs, 5, true);
    assert_eq!(numbers(&jobs, job), [0, 0, 0, 0, 5]);
    assert_eq!(status(&jobs, job)["workers"], json!([1]));
    progress.note(&started(&mails[0])).unwrap();
    assert_eq!(numbers(&jobs, job), [0, 0, 0, 1, 4]);
    progress.note(&sent(&mails[0])).unwrap();
    progress.note(&Report::Failed { failed: mails[1].message_id.clone(), why: "no".into() }).unwrap();
    progress.note(&started(&mails[2])).unwrap();
    assert_eq!(numbers(&jobs, job), [1, 1, 0, 1, 2]);
    assert_eq!(status(&jobs, job)["state"], "running");
    assert_eq!(close(&jobs, job, progress), 2);
    assert_eq!(numbers(&jobs, job), [1, 1, 1, 0, 2]);
    assert_eq!(status(&jobs, job)["state"], "failed");
    assert_eq!(status(&jobs, job)["workers"], json!([]));
}

#[test]
fn a_count_is_believed_when_it_accounts_for_all() {
    // How many of 4 mails are reported as sent, whether one more is started, what the reply counts; then the numbers.
    let cases = [
        (0, false, 4, Ok([4, 0, 0, 0, 0])),
        (0, false, 0, Ok([0, 0, 4, 0, 0])),
        (0, false, 2, Ok([0, 0, 4, 0, 0])),
        (0, false, 5, Err("it counts 5 mails, which cannot be: it was given 4")),
        (1, false, 4, Ok([4, 0, 0, 0, 0])),
        (1, false, 1, Ok([1, 0, 0, 0, 3])),
        (1, false, 2, Ok([1, 0, 3, 0, 0])),
        (2, false, 1, Err("it counts 1 mail, but has reported 2")),
        (1, true, 1, Ok([1, 0, 1, 0, 2])),
        (1, true, 2, Ok([1, 0, 3, 0, 0])),
        (1, true, 4, Ok([4, 0, 0, 0, 0])),
        (4, false, 4, Ok([4, 0, 0, 0, 0])),
    ];
    for (reported, starts, counter, expected) in cases {
        let jobs = Jobs::new();
        let (job, mails, mut progress) = assigned(&jobs, 4, false);
        for mail in &mails[..reported] {
            progress.note(&started(mail)).unwrap();
            progress.note(&sent(mail)).unwrap();
        }
        if starts {
            progress.note(&started(&mails[reported])).unwrap();
        }
        let noted = progress.note(&reply(counter));
        match expected {
            Ok(numbers) => {
                assert_eq!(noted, Ok(true));
                close(&jobs, job, progress);
                assert_eq!(self::numbers(&jobs, job), numbers, "{reported} reported, then {counter} counted");
            }
            Err(why) => assert_eq!(noted, Err(why.into())),
        }
    }
}

#[test]
fn what_cannot_be_true_is_not_taken_down() {
    let jobs = Jobs::new();
    let (job, mails, mut progress) = assigned(&jobs, 2, true);
    assert!(progress.note(&Report::Sent { sent: "<other@test>".into() }).is_err());
    assert!(!progress.has_news());
    progress.note(&started(&mails[0])).unwrap();
    assert!(progress.note(&started(&mails[0])).is_err());
    progress.note(&sent(&mails[0])).unwrap();
    for again in [started(&mails[0]), sent(&mails[0])] {
        assert!(progress.note(&again).is_err());
    }
    assert_eq!(numbers(&jobs, job), [1, 0, 0, 0, 1]);
}

#[test]
fn what_a_worker_says_is_cut() {
    let jobs = Jobs::new();
    let (job, mails, mut progress) = assigned(&jobs, 200, true);
    for mail in &mails {
        let why = "no\u{1b} ".repeat(100_000);
        progress.note(&Report::Failed { failed: mail.message_id.clone(), why }).unwrap();
    }
    close(&jobs, job, progress);
    let status = status(&jobs, job);
    assert_eq!(status["failed"], 200);
    assert_eq!(status["problems"].as_array().unwrap().len(), 100);
    assert!(status.to_string().len() < 100_000);
    assert!(!status.to_string().contains("\\u001b"));
}

#[test]
fn a_job_finishes_even_when_its_task_panics() {
    let jobs = Jobs::new();
    let (job, mails, mut progress) = assigned(&jobs, 3, true);
    progress.note(&started(&mails[0])).unwrap();
    drop(progress);
    assert_eq!(numbers(&jobs, job), [0, 2, 1, 0, 0]);
    let (job, _, progress) = assigned(&jobs, 3, false);
    drop(progress);
    assert_eq!(numbers(&jobs, job), [0, 0, 3, 0, 0]);
}

#[test]
fn a_job_is_tried_again_when_there_is_something_to_send() {
    let jobs = Jobs::new();
    let (job, mails, mut progress) = assigned(&jobs, 3, true);
    assert_eq!(jobs.retry(job, is_unsent), Err(RetryError::StillRunning));
    progress.note(&started(&mails[0])).unwrap();
    progress.note(&sent(&mails[0])).unwrap();
    progress.note(&started(&mails[1])).unwrap();
    close(&jobs, job, progress);
    assert_eq!(jobs.retry(job, is_unsent), Ok(mails[1..].to_vec()));
    assert_eq!(numbers(&jobs, job), [1, 0, 0, 0, 2]);
    assert_eq!(status(&jobs, job)["state"], "queued");
    assert_eq!(jobs.retry(job, is_unsent), Err(RetryError::StillRunning));
    let mut progress = jobs.assign(job, &mails[1..], 2, true);
    progress.note(&reply(2)).unwrap();
    close(&jobs, job, progress);
    assert_eq!(status(&jobs, job)["state"], "done");
    assert_eq!(jobs.retry(job, is_unsent), Err(RetryError::NothingToSend));
    // Not even by a rule that is wrong.
    assert_eq!(jobs.retry(job, |_| true), Err(RetryError::NothingToSend));
    assert_eq!(jobs.retry(job + 1, is_unsent), Err(RetryError::NoSuchJob));
}

#[test]
fn several_workers_share_a_job() {
    let jobs = Jobs::new();
    let (job, mails) = jobs.accept(mails(4));
    let mut one = jobs.assign(job, &mails[..2], 1, true);
    let mut other = jobs.assign(job, &mails[2..], 2, true);
    assert!(one.note(&started(&mails[2])).is_err());
    one.note(&reply(2)).unwrap();
    assert!(one.close(|state| state).is_empty());
    jobs.finish_if_settled(job);
    assert_eq!(status(&jobs, job)["state"], "running");
    assert_eq!(status(&jobs, job)["workers"], json!([2]));
    other.note(&started(&mails[2])).unwrap();
    let rest = other.close(|state| settle(state, true));
    assert_eq!(rest, mails[3..]);
    jobs.finish_if_settled(job);
    assert_eq!(status(&jobs, job)["state"], "running");
    jobs.fail(job, &rest, "nobody tries it again");
    assert_eq!(numbers(&jobs, job), [2, 1, 1, 0, 0]);
    assert_eq!(status(&jobs, job)["state"], "failed");
}

#[test]
fn the_thousand_jobs_that_finished_last_are_remembered_and_all_unfinished_ones() {
    let jobs = Jobs::new();
    let (waiting, _) = jobs.accept(mails(1));
    let (long, _) = jobs.accept(mails(1));
    // A job without mails is finished when it is accepted.
    let finished: Vec<u64> = (0..1000).map(|_| jobs.accept(Vec::new()).0).collect();
    assert!(jobs.status(finished[0]).is_some());
    // The first number, but the last to finish.
    jobs.finish(long, None);
    assert!(jobs.status(long).is_some());
    assert!(jobs.status(finished[0]).is_none());
    assert!(jobs.status(finished[1]).is_some());
    assert!(jobs.status(waiting).is_some());
}

#[test]
fn what_is_remembered_has_a_limit_in_bytes() {
    let jobs = Jobs::new();
    let large = || Mail { text: "x".repeat(1 << 20), ..mails(1).remove(0) };
    let unsent: Vec<u64> = (0..80).map(|_| jobs.accept(vec![large()]).0).collect();
    unsent.iter().for_each(|job| jobs.finish(*job, Some("no worker")));
    let known = |jobs: &Jobs, list: &[u64]| list.iter().filter(|job| jobs.status(**job).is_some()).count();
    assert_eq!(known(&jobs, &unsent), 63);
    // One that is tried again does not count, and is not forgotten.
    assert!(jobs.retry(unsent[79], is_unsent).is_ok());
    // One that is larger than the limit is remembered until the next one finishes.
    let (huge, _) = jobs.accept((0..70).map(|_| large()).collect());
    jobs.finish(huge, Some("no worker"));
    assert!(jobs.status(huge).is_some());
    assert_eq!(known(&jobs, &unsent), 1, "the one that is being tried again");
    jobs.accept(Vec::new());
    assert!(jobs.status(huge).is_none());
}
