//! `cargo workshop timeline`: pictures of real runs, of the solutions and of programs that are not as they should be.

mod run;

use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use std::fs;
use std::path::PathBuf;

/// Draws the solution of a lesson and gives the picture.
fn picture(number: &str) -> String {
    let file = file(number);
    run::workshop().args(["timeline", number, "--solution", "--out"]).arg(&file).assert().code(0);
    let picture = fs::read_to_string(&file).unwrap();
    fs::remove_file(file).unwrap();
    picture
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("timeline-{name}-{}.svg", std::process::id()))
}

/// The milliseconds that stand in the text alternative behind `words`.
fn ms(picture: &str, words: &str) -> Vec<f64> {
    let number = |rest: &str| rest.split(' ').next()?.parse().ok();
    picture.split(words).skip(1).filter_map(number).collect()
}

/// When each `GET /health` was answered.
fn health_answered(picture: &str) -> Vec<f64> {
    let took = |at: &f64| ms(picture, &format!("GET /health at {at:.0} ms: answered after "))[0];
    ms(picture, "GET /health at ").iter().map(|at| at + took(at)).collect()
}

/// When the mailbox had taken the last mail.
fn last_mail(picture: &str) -> f64 {
    ms(picture, "accepted at ").into_iter().fold(0.0, f64::max)
}

#[test]
fn in_lesson_02_health_is_answered_after_the_mails() {
    let picture = picture("02");
    let answered = health_answered(&picture);
    assert_eq!(answered.len(), 3, "{picture}");
    // Both are rounded to whole milliseconds.
    assert!(answered.iter().all(|at| at + 2.0 >= last_mail(&picture)), "{picture}");
    assert!(picture.contains("blocked by the mail server"), "{picture}");
}

#[test]
fn in_lessons_03_and_04_health_is_answered_before_the_mails() {
    for number in ["03", "04"] {
        let picture = picture(number);
        // The first one is asked long before the mailbox takes even one mail.
        assert!(health_answered(&picture)[0] < last_mail(&picture), "{picture}");
    }
}

#[test]
fn each_thread_has_a_lane_and_each_bar_a_place() {
    let picture = picture("03");
    for lane in ["server: main thread", "server: thread 2", "clients", "mail server"] {
        assert!(picture.contains(&format!(">{lane}</text>")), "no lane {lane} in {picture}");
    }
    assert_eq!(picture.matches("class=\"waits\"").count(), 4 + 1, "four requests and the legend: {picture}");
    assert!(picture.contains("role=\"img\"") && picture.contains("<title>Timeline: 03 Threads</title>"));
    assert!(!picture.contains("<script") && !picture.trim_end().contains("\n\n"), "{picture}");
}

#[test]
fn a_worker_has_a_lane_and_its_messages_are_seen() {
    let picture = picture("10");
    assert!(picture.contains(">worker (a child process)</text>"), "{picture}");
    assert!(picture.contains("Message to a worker at "), "{picture}");
    assert!(picture.contains("{&quot;mails&quot;:[3 mails]}"), "{picture}");
    assert!(picture.contains("{&quot;counter&quot;:3}"), "{picture}");
}

#[test]
fn messages_over_pipes_are_seen_too() {
    let picture = picture("07");
    assert_eq!(picture.matches("Message to a worker at ").count(), 3, "{picture}");
    assert_eq!(picture.matches("Message from a worker at ").count(), 3, "{picture}");
}

#[test]
fn without_a_name_the_picture_goes_to_the_target_folder() {
    let target = run::root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()));
    let _ = fs::remove_file(target.join("timeline-01.svg"));
    let told = run::workshop().args(["timeline", "01", "--solution"]).assert().code(0);
    told.stdout(contains("timeline-01.svg."));
    assert!(target.join("timeline-01.svg").is_file());
    assert!(!run::root().join("timeline-01.svg").exists());
}

/// Opened alone, a picture has no page around it: what hangs over its edge is cut off.
#[test]
fn nothing_is_drawn_below_the_edge() {
    let picture = picture("10");
    let numbers = |name: &str| -> Vec<f64> {
        let number = |rest: &str| rest.split('"').next()?.parse().ok();
        picture.split(&format!(" {name}=\"")).skip(1).filter_map(number).collect()
    };
    let height = numbers("height")[0];
    let lowest = ["y", "y1", "y2"].map(numbers).concat().into_iter().fold(0.0, f64::max);
    assert!(lowest > height - 20.0 && lowest <= height, "{lowest} of {height}");
    assert!(!picture.contains("padding"), "{picture}");
}

#[test]
fn a_file_that_is_no_timeline_stays_as_it_is() {
    let file = file("mine");
    fs::write(&file, "my own").unwrap();
    run::workshop()
        .args(["timeline", "02", "--solution", "--out"])
        .arg(&file)
        .assert()
        .code(2)
        .stderr(contains("is no timeline"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "my own");
    fs::remove_file(file).unwrap();
}

#[test]
fn a_starter_is_not_drawn() {
    let mut command = run::workshop();
    command.args(["timeline", "02"]);
    command.assert().code(1).stderr(contains("not written yet").and(contains("--solution")));
}

#[test]
fn lesson_13_and_one_that_is_not_there_are_refused() {
    run::workshop().args(["timeline", "13"]).assert().code(2).stderr(contains("nats-server"));
    run::workshop().args(["timeline", "77"]).assert().code(2).stderr(contains("there is no lesson"));
    run::workshop().arg("timeline").assert().code(2);
}

#[test]
fn help_shows_an_example() {
    run::shows_an_example("timeline");
}
