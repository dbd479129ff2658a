//! `cargo workshop timeline`: pictures of real runs, of the solutions and of programs that are not as they should be.

mod run;

use run::{says, workshop};
use std::fs;
use std::path::PathBuf;

/// Draws the solution of a lesson and gives the picture.
fn picture(number: &str) -> String {
    let file = file(number);
    says(workshop().args(["timeline", number, "--solution", "--out"]).arg(&file), 0, &[]);
    let picture = fs::read_to_string(&file).unwrap();
    fs::remove_file(file).unwrap();
    picture
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("timeline-{name}-{}.svg", std::process::id()))
}

/// The milliseconds that stand in the text alternative after `words` and ` to `.
fn ends(picture: &str, words: &str) -> Vec<f64> {
    let end = |rest: &str| rest.split_once(" to ")?.1.split(' ').next()?.parse().ok();
    picture.split(words).skip(1).filter_map(end).collect()
}

/// When each `GET /health` was answered: the requests after the first one.
fn health_answered(picture: &str) -> Vec<f64> {
    ends(picture, "clients, ").split_off(1)
}

/// When the mailbox had taken the last mail.
fn last_mail(picture: &str) -> f64 {
    ["mail 1", "mail 2", "mail 3"]
        .map(|mail| ends(picture, &format!("; {mail} from ")))
        .concat()
        .into_iter()
        .fold(0.0, f64::max)
}

#[test]
fn in_lesson_02_health_is_answered_after_the_mails() {
    let picture = picture("02");
    let answered = health_answered(&picture);
    assert_eq!(answered.len(), 3, "{picture}");
    // Both are rounded to whole milliseconds.
    assert!(answered.iter().all(|at| at + 2.0 >= last_mail(&picture)), "{picture}");
    assert!(picture.contains("blocked: waits for the mail server from "), "{picture}");
}

#[test]
fn in_lesson_03_health_is_answered_before_the_mails_and_each_thread_has_a_lane() {
    let picture = picture("03");
    // The first one is asked long before the mailbox takes even one mail.
    assert!(health_answered(&picture)[0] < last_mail(&picture), "{picture}");
    for lane in ["server: main thread", "server: thread 2", "clients", "mail server"] {
        assert!(picture.contains(&format!(">{lane}</text>")), "no lane {lane} in {picture}");
    }
    assert_eq!(picture.matches("class=\"waits\"").count(), 4 + 1, "four requests and the legend: {picture}");
    assert!(picture.contains("role=\"img\"") && picture.contains("<title>Timeline: 03 Threads</title>"));
    assert!(!picture.contains("<script") && !picture.trim_end().contains("\n\n"), "{picture}");
}

#[test]
fn a_worker_has_a_lane_and_its_messages_are_seen_over_a_channel_and_over_pipes() {
    for (number, messages, last) in
        [("10", 1, "{&quot;mails&quot;:[3 mails]}"), ("07", 3, "{&quot;hello&quot;:3}")]
    {
        let picture = picture(number);
        assert!(picture.contains(">worker (a child process)</text>"), "{picture}");
        let [gets, sends] = [" ms: gets ", " ms: sends "].map(|way| picture.matches(way).count());
        assert_eq!((gets, sends), (messages, messages), "{picture}");
        assert!(picture.contains(&format!(" ms: gets {last}")), "{picture}");
    }
}

#[test]
fn a_picture_goes_to_the_target_folder() {
    let target = run::root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()));
    let _ = fs::remove_file(target.join("timeline-01.svg"));
    says(workshop().args(["timeline", "01", "--solution"]), 0, &["timeline-01.svg."]);
    assert!(target.join("timeline-01.svg").is_file());
    assert!(!run::root().join("timeline-01.svg").exists());
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    for (lesson, code, words) in
        [("02", 1, "not written yet"), ("13", 2, "nats-server"), ("77", 2, "there is no lesson")]
    {
        says(workshop().args(["timeline", lesson]), code, &[words]);
    }
    says(workshop().arg("timeline"), 2, &[]);
}
