//! Lesson 09: the article's `send_mail`, a worker that its parent forks.
//!
//! It receives jobs, `{"mails": [mail, …]}`, as messages on the channel, sends the mails, and replies to each job with
//! `{"counter": N}`. It exits when its parent disconnects. The work is in the library, so that lesson 10 can run it
//! too. The chapter is book/src/09-send-mail.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Arguments are ignored: a Node parent passes the name of a module, which means nothing here.
    solution_09::send_mail()
}
