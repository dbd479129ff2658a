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
    watch.wait_for("now passes  step 1: two is doubled");
    watch.wait_for("[==========          ] 1 of 2 checks pass");
    tiny.write(MAIN, "fn main() { nonsense }\n");
    watch.wait_for("[                    ] 0 of 2 checks pass");
    watch.wait_for("cannot find value `nonsense`");
    tiny.solve("01-one");
    // What passed before the line that did not compile is no news.
    let printed = watch.wait_for("Lesson 01 is done. Proven:");
    assert_eq!(printed.matches("now passes").count(), 2, "{printed}");
    assert!(printed.contains("now passes  step 1: ten is doubled"), "{printed}");
    watch.wait_for("Next: 02 The two: doubled. Type n and Enter for it,");
    watch.enter("n");
    watch.wait_for("Watching lessons/02-two.");
    watch.wait_for("NOT WRITTEN YET");
    watch.enter("h");
    watch.wait_for("Think of twins.");
    watch.enter("s");
    watch.wait_for("cargo workshop diff 02 --spoil");
    watch.enter("?");
    watch.wait_for("Type h (hint)");
    watch.enter("n");
    watch.wait_for("This is the last lesson.");
    watch.enter("q");
    assert_eq!(watch.code(), Some(0));
}

#[test]
fn a_run_is_abandoned_for_a_newer_save_or_for_ctrl_c_and_what_passes_from_the_start_is_no_change() {
    let tiny = Tiny::new("watch-abandons");
    let solution = tiny.read("solutions/01-one/src/main.rs");
    let hangs = solution.replace("number * 2", "loop { std::thread::park(); }");
    tiny.write(MAIN, &hangs);
    let mut watch = tiny.start(&["watch", "01"]);
    tiny.wait_for_programs(2);
    tiny.solve("01-one");
    let printed = watch.wait_for("Lesson 01 is done. Proven:");
    assert!(!printed.contains("now passes") && printed.contains("2 of 2 checks pass"), "{printed}");
    watch.enter("n");
    watch.wait_for("NOT WRITTEN YET");
    tiny.write("lessons/02-two/src/main.rs", &solution.replace("number * 2", "number + 2"));
    watch.wait_for("now passes  step 1: two is doubled");
    tiny.write("lessons/02-two/src/main.rs", &hangs);
    tiny.wait_for_programs(2);
    watch.signal(Signal::SIGINT);
    assert_eq!(watch.code(), Some(0));
    tiny.wait_for_programs(0);
}

#[test]
fn a_file_that_is_put_in_the_place_of_another_is_a_save_and_cargo_may_fail_meanwhile() {
    let tiny = Tiny::new("watch-rename");
    let mut watch = tiny.start(&["watch", "01"]);
    watch.wait_for("NOT WRITTEN YET");
    let manifest = tiny.read("lessons/01-one/Cargo.toml");
    tiny.write("lessons/01-one/Cargo.toml", "[package\n");
    watch.wait_for("cargo itself fails");
    tiny.write("lessons/01-one/Cargo.toml", &manifest);
    watch.wait_for("NOT WRITTEN YET");
    tiny.write("lessons/01-one/src/main.rs~", &tiny.read("solutions/01-one/src/main.rs"));
    std::fs::rename(tiny.root().join("lessons/01-one/src/main.rs~"), tiny.root().join(MAIN)).unwrap();
    watch.wait_for("Lesson 01 is done. Proven:");
    watch.enter("q");
    assert_eq!(watch.code(), Some(0));
}

/// `script` of util-linux makes a terminal.
#[cfg(target_os = "linux")]
#[test]
fn changes_have_a_color_on_a_terminal_unless_nobody_wants_it() {
    let tiny = Tiny::new("watch-color");
    let starter = tiny.read(MAIN);
    for color in [false, true] {
        let mut script = std::process::Command::new("script");
        script.args(["--quiet", "--return", "--command"]);
        script.arg(format!("{} watch 01", run::PROGRAM)).arg("/dev/null").current_dir(tiny.root());
        script.env("CARGO_TARGET_DIR", tiny.root().join("target")).env("TERM", "xterm-256color");
        script.env_remove("NO_COLOR").env_remove("CI").envs((!color).then_some(("NO_COLOR", "1")));
        let mut watch = run::Running::spawn(&mut script);
        watch.wait_for("NOT WRITTEN YET");
        tiny.solve("01-one");
        let printed = watch.wait_for("Lesson 01 is done. Proven:");
        assert_eq!(printed.contains("\u{1b}[32mnow passes\u{1b}[0m"), color, "{printed:?}");
        assert_eq!(printed.contains('\u{1b}'), color, "{printed:?}");
        watch.enter("q");
        assert_eq!(watch.code(), Some(0));
        tiny.write(MAIN, &starter);
    }
}
