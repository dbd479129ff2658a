//! `cargo workshop watch`: a learner saves, and looks.

mod run;

use nix::sys::signal::Signal;
use run::tiny::Tiny;

const MAIN: &str = "lessons/01-one/src/main.rs";

#[test]
fn a_save_runs_the_spec_and_what_changed_comes_first() {
    let tiny = Tiny::new("watch");
    let mut watch = tiny.start(&["watch"]);
    watch.wait_for("Watching lessons/01-one.");
    watch.wait_for("0 of 2 checks pass");
    watch.wait_for("NOT WRITTEN YET");
    tiny.write(MAIN, &tiny.read("solutions/01-one/src/main.rs").replace("number * 2", "number + 2"));
    watch.wait_for("now passes  two is doubled");
    watch.wait_for("[==========          ] 1 of 2 checks pass");
    tiny.write(MAIN, "fn main() { nonsense }\n");
    watch.wait_for("cannot find value `nonsense`");
    tiny.solve("01-one");
    watch.wait_for("Lesson 01 is done. Proven:");
    watch.enter("n");
    watch.wait_for("Watching lessons/02-two.");
    watch.wait_for("NOT WRITTEN YET");
    watch.enter("h");
    watch.wait_for("Think of twins.");
    watch.enter("s");
    watch.wait_for("+     number * 2");
    watch.enter("?");
    watch.wait_for("Type h (hint)");
    watch.enter("n");
    watch.wait_for("This is the last lesson.");
    watch.enter("q");
    assert_eq!(watch.code(), Some(0));
}

#[test]
fn a_run_is_abandoned_for_a_newer_save() {
    let tiny = Tiny::new("watch-abandons");
    let hangs =
        tiny.read("solutions/01-one/src/main.rs").replace("number * 2", "loop { std::thread::park(); }");
    tiny.write(MAIN, &hangs);
    let mut watch = tiny.start(&["watch", "01"]);
    watch.wait_for("Running the spec of lesson 01");
    tiny.solve("01-one");
    watch.wait_for("Lesson 01 is done. Proven:");
    watch.signal(Signal::SIGINT);
    assert_eq!(watch.code(), Some(0));
}

#[test]
fn help_shows_an_example() {
    run::shows_an_example("watch");
}
