//! The worker: lesson 11, and some work for the processor. This part is given.

use crate::settings::number;
use channel::{Channel, Error, Inherited};
use faults::{Answer, NotAccepted, NumberedMail, Outbox, Report, Task};
use mail::SmtpServer;
use std::hint::black_box;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the worker until its parent disconnects, and gives its exit status: 0 when the parent has disconnected,
/// 1 when a message could not be sent, 2 when there was no channel or the configuration was bad.
///
/// Call it first thing in `main`, before there is a thread: it takes the channel from the environment.
pub fn send_mail() -> ExitCode {
    match prepare().and_then(|(inherited, config)| run(inherited, config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, error)) => {
            eprintln!("error: {error}");
            ExitCode::from(status)
        }
    }
}

/// An exit status and what is said about it.
type Failure = (u8, String);

/// What a worker is told by its environment.
struct Config {
    server: SmtpServer,
    /// How long signing takes: `SIGN_ROUNDS`, 1,000 by default.
    sign_rounds: usize,
    /// How much memory is never given back after each task, in MB: `LEAK_MB`. For seeing what recycling is for.
    leak_mb: usize,
}

fn prepare() -> Result<(Inherited, Config), Failure> {
    let inherited = channel::inherited().map_err(|error| (2, error.to_string()))?;
    let config = || {
        let server = SmtpServer::from_env()?;
        Ok(Config { server, sign_rounds: number("SIGN_ROUNDS", 1_000)?, leak_mb: number("LEAK_MB", 0)? })
    };
    Ok((inherited, config().map_err(|error| (2, error))?))
}

#[tokio::main(flavor = "current_thread")]
async fn run(inherited: Inherited, config: Config) -> Result<(), Failure> {
    // A terminal sends Ctrl-C to the parent and to us. The parent decides when we end: it disconnects.
    let _ignored = signal(SignalKind::interrupt()).map_err(|error| (1, error.to_string()))?;
    let mut channel = inherited.open().map_err(|error| (1, error.to_string()))?;
    serve(&mut channel, &config).await.map_err(|error| {
        let status = if matches!(error, Error::Disconnected | Error::Io { .. }) { 1 } else { 2 };
        (status, error.to_string())
    })
}

/// Does one task after another, until the parent disconnects.
async fn serve(channel: &mut Channel, config: &Config) -> Result<(), Error> {
    loop {
        let answer = match channel.recv::<Task>().await {
            Ok(Some(task)) => {
                let mut outbox = Outbox::new(config.server.clone());
                let answer = send_all(channel, &mut outbox, &task, config.sign_rounds).await?;
                outbox.close().await;
                // Written to, since the system gives memory only to who uses it.
                black_box(vec![1u8; config.leak_mb << 20].leak());
                answer
            }
            Ok(None) => return Ok(()),
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                eprintln!("error: cannot parse the job: {error}");
                Answer::default()
            }
        };
        channel.send(&Report::Answer(answer)).await?;
    }
}

/// Sends one mail after another and reports each: before the dangerous moment, and after it.
async fn send_all(
    channel: &mut Channel,
    outbox: &mut Outbox,
    task: &Task,
    sign_rounds: usize,
) -> Result<Answer, Error> {
    let mut answer = Answer::default();
    for mail in &task.mails {
        let id = mail.message_id.clone();
        let report = match outbox.offer(&signed(mail, sign_rounds)).await {
            Ok(()) => {
                // An error here means that the parent has gone. Then this mail must not go out: nobody would know.
                tell(channel, task, &Report::Begun { begun: id.clone() }).await?;
                match outbox.hand_over().await {
                    Ok(()) => Report::Sent { sent: id },
                    Err(NotAccepted::Refused(why)) => Report::Failed { failed: id, why },
                    Err(NotAccepted::NoAnswer(why)) => Report::Unknown { unknown: id, why },
                }
            }
            Err(why) => Report::Failed { failed: id, why },
        };
        count(&mut answer, &report, &mail.mail.to);
        tell(channel, task, &report).await?;
    }
    Ok(answer)
}

/// The mail with a line that says that we have seen it. A stand-in for what a real program does here: rendering a
/// template, and DKIM (RFC 6376). It takes a processor and never waits.
fn signed(mail: &NumberedMail, rounds: usize) -> NumberedMail {
    let mut mail = mail.clone();
    // FNV-1a, many times. It is no signature that would convince anybody.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for _ in 0..rounds {
        for byte in mail.mail.text.bytes() {
            hash = black_box((hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        }
    }
    mail.mail.text.push_str(&format!("\n-- \nsigned {hash:016x}\n"));
    mail
}

/// Sends a report to a parent that wants reports.
async fn tell(channel: &mut Channel, task: &Task, report: &Report) -> Result<(), Error> {
    if task.reports { channel.send(report).await } else { Ok(()) }
}

/// Adds what became of one mail to the counts. What went wrong is said on stderr too.
fn count(answer: &mut Answer, report: &Report, to: &str) {
    match report {
        Report::Sent { .. } => answer.counter += 1,
        Report::Failed { why, .. } => {
            answer.failed += 1;
            eprintln!("error: cannot send the mail to {to:?}: {why}");
        }
        Report::Unknown { why, .. } => {
            answer.unknown += 1;
            eprintln!("error: nobody knows whether the mail to {to:?} was accepted: {why}");
        }
        Report::Begun { .. } | Report::Answer(_) => {}
    }
}
