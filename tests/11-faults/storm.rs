//! Many jobs, and workers that are killed at random moments.

use super::*;
use crate::step_6_retry::retry;
use support::figures::Holdings;
use support::jobs::sum;

/// Jobs that are posted at the same time, and how many of their workers are killed.
const ROUND: usize = 10;
const VICTIMS: usize = 4;

/// Posts jobs in rounds, kills some of their workers, tries them again, and returns the figures.
pub fn random_kills(spec: &Spec, mailbox: &Mailbox, rounds: usize) -> String {
    let check = spec.check(format!(
        "posted {ROUND} jobs at a time, {rounds} times, and killed {VICTIMS} of their workers each time"
    ));
    let server = server(&check, mailbox);
    let mut storm = Storm::default();
    storm.round(&check, &server, mailbox);
    // After the first round everything that is made once is there.
    let before = Holdings::of(&server);
    (1..rounds).for_each(|_| storm.round(&check, &server, mailbox));
    let after_kills = storm.after_kills(&check, &server, mailbox);
    let check = spec.check("killed workers of many jobs, and then tried the failed jobs again");
    storm.try_again(&check, &server);
    let after_retries = storm.after_retries(&check, &server, mailbox);
    let after = jobs::nothing_grew(&check, &server, before, 4);
    format!(
        "{} jobs, {} workers killed\n{after_kills}\n{after_retries}\nthe server before: {before}\nthe server after:  {after}",
        storm.jobs.len(),
        VICTIMS * rounds
    )
}

/// Many jobs, and what must come of them.
#[derive(Default)]
struct Storm {
    jobs: Vec<Value>,
    /// All their mails.
    asked: usize,
    /// Mails that the mail server refuses.
    refused: usize,
    /// Mails that are accepted when their worker is killed, so that no report tells of them.
    unreported: usize,
}

impl Storm {
    /// Posts jobs, and kills the workers of the first ones at a random mail and moment.
    fn round(&mut self, check: &Check, server: &JobServer, mailbox: &Mailbox) {
        let spec = check.spec();
        let first = self.jobs.len();
        for number in 0..ROUND {
            let mails = spec.mails(spec.number(1..5));
            let to = &mails[spec.number(0..mails.len())].to;
            if number < VICTIMS {
                let point = [Point::Rcpt, Point::Data, Point::Accept, Point::Answer][spec.number(0..4)];
                mailbox.hold_recipient(point, to);
                self.unreported += usize::from(point == Point::Answer);
            } else if spec.number(0..3) == 0 {
                mailbox.reply(to, Reply::Refuse(550));
                self.refused += 1;
            }
            self.asked += mails.len();
            self.jobs.push(server.post(check, &mails));
        }
        mailbox.wait_held(check, VICTIMS);
        for job in &self.jobs[first..first + VICTIMS] {
            let running = server.status(check, job);
            let pid = running["workers"][0].as_u64().and_then(|pid| u32::try_from(pid).ok());
            let expected = "the pid of the worker in the status of a running job";
            let pid = pid.unwrap_or_else(|| check.fail(expected, &running.to_string()));
            jobs::kill(check, [&pid]);
        }
        self.jobs[first..].iter().for_each(|job| drop(server.ended(check, job)));
        server.wait_for_workers(check, 0);
        // A gate that opens before the mailbox has seen that the worker is gone lets the letter in.
        mailbox.wait_all_closed(check);
        mailbox.release_all();
    }

    /// Every mail is accounted for. Returns the figures.
    fn after_kills(&self, check: &Check, server: &JobServer, mailbox: &Mailbox) -> String {
        let statuses = self.statuses(check, server);
        for status in &statuses {
            let numbers = numbers(status);
            let expected = "every mail of a job is sent, failed, unknown or not started";
            check.holds(expected, status["asked"] == json!(numbers.iter().sum::<usize>()), status);
            check.holds("at most one mail of a job is unknown", numbers[2] <= 1, status);
        }
        let [sent, failed, unknown, not_started] = sum(&statuses);
        check.equal(
            "the number of mails, of all jobs",
            &(sent + failed + unknown + not_started),
            &self.asked,
        );
        check.equal("the number of failed mails, of all jobs", &failed, &self.refused);
        let expected = sent + self.unreported;
        check.equal("mails in the mailbox, told of or not,", &mailbox.letters().len(), &expected);
        jobs::account("after the kills", self.asked, &statuses, mailbox)
    }

    /// Tries the failed jobs again, some at a time.
    fn try_again(&self, check: &Check, server: &JobServer) {
        let statuses = self.statuses(check, server);
        let failed: Vec<_> = statuses.iter().filter(|status| status["state"] == "failed").collect();
        for round in failed.chunks(ROUND) {
            round.iter().for_each(|status| retry(check, server, &status["job"]));
            round.iter().for_each(|status| drop(server.ended(check, &status["job"])));
        }
        server.wait_for_workers(check, 0);
    }

    /// Only what was accepted and not told came twice, and then with one Message-ID. Returns the figures.
    fn after_retries(&self, check: &Check, server: &JobServer, mailbox: &Mailbox) -> String {
        let statuses = self.statuses(check, server);
        let accepted = self.asked - self.refused;
        let expected = [accepted, self.refused, 0, 0];
        check.equal("sent, failed, unknown, not started, of all jobs", &sum(&statuses), &expected);
        let (letters, different) = (mailbox.letters().len(), message_ids(mailbox).len());
        check.equal("the number of different Message-IDs", &different, &accepted);
        check.equal("the number of mails that came twice", &(letters - different), &self.unreported);
        jobs::account("after the retries", self.asked, &statuses, mailbox)
    }

    fn statuses(&self, check: &Check, server: &JobServer) -> Vec<Value> {
        self.jobs.iter().map(|job| server.status(check, job)).collect()
    }
}
