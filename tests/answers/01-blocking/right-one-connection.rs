//! Lesson 01: one mail after another, each with a blocking call.
//!
//! Reads a job, `{"mails": [mail, …]}`, from stdin, sends the mails to the SMTP server that `SMTP_URL` names,
//! and prints the reply `{"counter": N}`: how many of them the server accepted.
//! New here: a blocking call. The chapter is book/src/01-blocking.md.

use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use solution_01::{Job, Mail, Reply, SmtpServer, log, print_line};
use std::io;
use std::process::ExitCode;
use std::time::Duration;

/// How long the SMTP server may take for one step of the conversation.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            log!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Does the whole job. `Ok(false)` when some mail was not sent, an error when the input was bad.
fn run() -> Result<bool, String> {
    let server = SmtpServer::from_env()?;
    let job = read_job()?;
    let counter = send_all(&server, &job.mails);
    let printed = print_reply(&Reply { counter });
    if let Err(error) = &printed {
        log!("error: {error}");
    }
    Ok(printed.is_ok() && counter == job.mails.len())
}

fn read_job() -> Result<Job, String> {
    serde_json::from_reader(io::stdin().lock()).map_err(|error| format!("cannot parse the job: {error}"))
}

/// Sends one mail after another and counts those that the server accepted.
fn send_all(server: &SmtpServer, mails: &[Mail]) -> usize {
    let mut connection = None;
    let mut counter = 0;
    for mail in mails {
        match send(server, &mut connection, mail) {
            Ok(()) => counter += 1,
            Err(why) => log!("error: cannot send the mail to {:?}: {why}", mail.to),
        }
    }
    if let Some(mut connection) = connection {
        let _ = connection.quit();
    }
    counter
}

/// A connection that has failed is not used again.
fn send(server: &SmtpServer, connection: &mut Option<SmtpConnection>, mail: &Mail) -> Result<(), String> {
    let message = mail.to_message()?;
    let mut open = match connection.take() {
        Some(open) => open,
        None => {
            let address = (server.host.as_str(), server.port);
            SmtpConnection::connect(address, Some(SMTP_TIMEOUT), &ClientId::default(), None, None)
                .map_err(|error| error.to_string())?
        }
    };
    open.send(message.envelope(), &message.formatted()).map_err(|error| error.to_string())?;
    *connection = Some(open);
    Ok(())
}

fn print_reply(reply: &Reply) -> Result<(), String> {
    let line = serde_json::to_string(reply).map_err(|error| format!("cannot write the reply: {error}"))?;
    print_line(line)
}
