//! A command whose first argument is a verb.

use crate::failure::Failure;
use crate::run::children;
use crate::ui::terminal::{self, Unwritten};
use clap::{ArgMatches, Command};
use std::panic;
use std::process::ExitCode;

/// A verb: its command line, and what it does.
pub type Verb = (fn() -> Command, fn(&ArgMatches) -> Result<(), Failure>);

/// A command and its verbs.
pub struct CommandLine {
    /// The name of the program.
    pub name: &'static str,
    /// What a person types.
    pub shown_as: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// What else `--help` says.
    pub help: &'static str,
    /// The verbs, in the order in which `--help` lists them.
    pub verbs: &'static [Verb],
    /// What is done without a verb. `None`: there has to be one.
    pub without_verb: Option<fn() -> Result<(), Failure>>,
}

impl CommandLine {
    /// Does what the command line says. No child that was started outlives this.
    pub fn main(&self) -> ExitCode {
        let ended = panic::catch_unwind(|| self.obey());
        // What other threads have started.
        children::end_for_good();
        match ended.map_err(|cause| cause.downcast::<Unwritten>()) {
            Ok(code) => code,
            Err(Ok(unwritten)) => {
                if let Some(words) = unwritten.describe() {
                    terminal::note(format!("error: {words}"));
                }
                ExitCode::FAILURE
            }
            Err(Err(panic)) => panic::resume_unwind(panic),
        }
    }

    fn obey(&self) -> ExitCode {
        let matches = match self.command().try_get_matches() {
            Ok(matches) => matches,
            Err(error) => return show_help(&error),
        };
        match self.run(&matches) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                terminal::note(format!("error: {failure}"));
                failure.exit_code()
            }
        }
    }

    /// The whole command line, as clap knows it.
    pub fn command(&self) -> Command {
        Command::new(self.name)
            .bin_name(self.shown_as)
            .version(env!("CARGO_PKG_VERSION"))
            .about(self.about)
            .after_help(self.help)
            .subcommand_required(self.without_verb.is_none())
            .arg_required_else_help(self.without_verb.is_none())
            .subcommands(self.verbs.iter().map(|(command, _)| command()))
    }

    fn run(&self, matches: &ArgMatches) -> Result<(), Failure> {
        let Some((name, matches)) = matches.subcommand() else {
            return self.without_verb.map_or(Ok(()), |run| run());
        };
        let verb = self.verbs.iter().find(|(command, _)| command().get_name() == name);
        let (_, run) = verb.ok_or_else(|| Failure::input(format!("there is no verb \"{name}\"")))?;
        run(matches)
    }
}

/// Help, or what is wrong with the command line. clap breaks lines only with more crates than this needs.
fn show_help(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let text = text.trim_end();
    if error.use_stderr() {
        terminal::note(text);
        return ExitCode::from(2);
    }
    terminal::print(terminal::fit(text, terminal::columns().min(100)));
    ExitCode::SUCCESS
}
