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
    watch.wait_for("[                    ] 0 of 2 checks pass");
    watch.wait_for("cannot find value `nonsense`");
    tiny.solve("01-one");
    // What passed before the line that did not compile is no news.
    let printed = watch.wait_for("Lesson 01 is done. Proven:");
    assert_eq!(printed.matches("now passes").count(), 2, "{printed}");
    assert!(printed.contains("now passes  ten is doubled"), "{printed}");
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
fn a_run_is_abandoned_for_a_newer_save_and_what_passes_from_the_start_is_no_change() {
    let tiny = Tiny::new("watch-abandons");
    let solution = tiny.read("solutions/01-one/src/main.rs");
    tiny.write(MAIN, &solution.replace("number * 2", "loop { std::thread::park(); }"));
    let mut watch = tiny.start(&["watch", "01"]);
    watch.wait_for("Running the spec of lesson 01");
    tiny.solve("01-one");
    let printed = watch.wait_for("Lesson 01 is done. Proven:");
    assert!(!printed.contains("now passes") && printed.contains("2 of 2 checks pass"), "{printed}");
    watch.enter("n");
    watch.wait_for("NOT WRITTEN YET");
    tiny.write("lessons/02-two/src/main.rs", &solution.replace("number * 2", "number + 2"));
    watch.wait_for("now passes  two is doubled");
    watch.signal(Signal::SIGINT);
    assert_eq!(watch.code(), Some(0));
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

/// The same on a terminal of its own: util-linux's `script` makes one, so that Ctrl-C is a key here, not a signal.
#[cfg(target_os = "linux")]
mod on_a_terminal {
    use super::run::{LIMIT, Running};
    use super::{MAIN, Tiny};
    use std::process::Command;

    fn start(tiny: &Tiny, no_color: bool) -> Running {
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command"]);
        // `exec`, since Ctrl-C would end the shell as well, and then 130 is the exit status.
        script.arg(format!("exec {} watch 01", env!("CARGO_BIN_EXE_workshop"))).arg("/dev/null");
        script.current_dir(tiny.root()).env("CARGO_TARGET_DIR", tiny.root().join("target"));
        script.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CI");
        if no_color {
            script.env("NO_COLOR", "1");
        }
        Running::spawn(&mut script)
    }

    /// The folders of the processes that work in this workshop.
    fn processes_of(tiny: &Tiny) -> Vec<std::path::PathBuf> {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let folders = processes.filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok());
        folders.filter(|folder| folder.starts_with(tiny.root())).collect()
    }

    #[test]
    fn changes_have_a_colour_and_ctrl_c_leaves_no_child() {
        let tiny = Tiny::new("watch-ctrl-c");
        let hangs = tiny.read("solutions/01-one/src/main.rs").replace(
            "number * 2",
            "{ std::fs::write(format!(\"../../hangs-{}\", std::process::id()), \"\").unwrap(); loop { std::thread::park(); } }",
        );
        for (no_color, colour) in [(true, false), (false, true)] {
            let starter = tiny.read(MAIN);
            let mut watch = start(&tiny, no_color);
            watch.wait_for("NOT WRITTEN YET");
            tiny.solve("01-one");
            let printed = watch.wait_for("Lesson 01 is done. Proven:");
            assert_eq!(printed.contains("\u{1b}[32mnow passes\u{1b}[0m"), colour, "{printed:?}");
            assert_eq!(printed.contains('\u{1b}'), colour, "{printed:?}");
            watch.enter("q");
            assert_eq!(watch.code(), Some(0));
            tiny.write(MAIN, &starter);
        }
        let mut watch = start(&tiny, true);
        watch.wait_for("NOT WRITTEN YET");
        for round in 1..=2 {
            // The second time, the first run still hangs: it is ended, not waited for.
            tiny.write(MAIN, &format!("{hangs}// {round}\n"));
            let hanging = || {
                let names = std::fs::read_dir(tiny.root()).unwrap().flatten();
                names.filter(|name| name.file_name().to_string_lossy().starts_with("hangs-")).count()
            };
            let both_hang = || (hanging() >= 2 * round).then_some(());
            observe::limit::poll(LIMIT, both_hang).expect("both checks run the program");
        }
        watch.type_keys("\u{3}");
        assert_eq!(watch.code(), Some(0));
        let left = observe::limit::poll(LIMIT, || processes_of(&tiny).is_empty().then_some(()));
        assert!(left.is_some(), "still there: {:?}", processes_of(&tiny));
    }
}
