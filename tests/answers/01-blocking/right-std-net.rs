//! Lesson 01: one mail after another, each with a blocking call.
//!
//! Reads a job, `{"mails": [mail, …]}`, from stdin, sends the mails to the SMTP server that `SMTP_URL` names,
//! and prints the reply `{"counter": N}`: how many of them the server accepted.
//! New here: a blocking call. The chapter is book/src/01-blocking.md.

use solution_01::{Job, Mail, Reply, SmtpServer, log, print_line};
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
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
    let mut counter = 0;
    for mail in mails {
        match send(server, mail) {
            Ok(()) => counter += 1,
            Err(why) => log!("error: cannot send the mail to {:?}: {why}", mail.to),
        }
    }
    counter
}

/// One conversation, as RFC 5321 has it. It is over when the server has answered QUIT.
fn send(server: &SmtpServer, mail: &Mail) -> Result<(), String> {
    let message = mail.to_message()?;
    let stream = TcpStream::connect((server.host.as_str(), server.port)).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(SMTP_TIMEOUT)).map_err(|error| error.to_string())?;
    let mut reader = BufReader::new(stream);
    expect(&mut reader, '2')?;
    for recipient in message.envelope().to() {
        let from = message.envelope().from().map(ToString::to_string).unwrap_or_default();
        for line in ["HELO localhost".into(), format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{recipient}>")] {
            reader.get_mut().write_all(format!("{line}\r\n").as_bytes()).map_err(|error| error.to_string())?;
            expect(&mut reader, '2')?;
        }
    }
    reader.get_mut().write_all(b"DATA\r\n").map_err(|error| error.to_string())?;
    expect(&mut reader, '3')?;
    let text = String::from_utf8_lossy(&message.formatted()).replace("\r\n.", "\r\n..");
    let end = if text.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" };
    reader.get_mut().write_all(format!("{text}{end}").as_bytes()).map_err(|error| error.to_string())?;
    expect(&mut reader, '2')?;
    // The mail is accepted already; a server that does not answer QUIT changes nothing.
    let _ = reader.get_mut().write_all(b"QUIT\r\n").map(|()| expect(&mut reader, '2'));
    Ok(())
}

fn expect(reader: &mut BufReader<TcpStream>, class: char) -> Result<(), String> {
    let mut line = String::new();
    reader.read_line(&mut line).map_err(|error| error.to_string())?;
    if line.starts_with(class) { Ok(()) } else { Err(format!("the server says {:?}", line.trim_end())) }
}

fn print_reply(reply: &Reply) -> Result<(), String> {
    let line = serde_json::to_string(reply).map_err(|error| format!("cannot write the reply: {error}"))?;
    print_line(line)
}
