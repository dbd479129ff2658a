//! The worker's program: lesson 11, and some work for the processor. This part is already written.

use faults::serve;
use jobs::NumberedMail;
use mail::{SmtpServer, env::number};
use send_mail::run_worker;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

/// What a worker is told by its environment.
struct Config {
    server: SmtpServer,
    /// How long signing takes: `SIGN_ROUNDS`, 1,000 by default.
    sign_rounds: usize,
    /// How much memory each mail leaks, in MB: `LEAK_MB`, 0 by default. It shows what recycling is for.
    leak_mb: usize,
}

impl Config {
    fn from_env() -> Result<Self, String> {
        Ok(Self {
            server: SmtpServer::from_env()?,
            sign_rounds: number("SIGN_ROUNDS", 1_000, 0..=usize::MAX)?,
            leak_mb: number("LEAK_MB", 0, 0..=100_000)?,
        })
    }
}

/// Runs the worker until its parent disconnects.
pub fn send_mail() -> ExitCode {
    run_worker(Config::from_env, async |channel, Config { server, sign_rounds, leak_mb }| {
        let write = |mail: &NumberedMail| {
            // Touch every page: the kernel commits memory only when it is written.
            black_box(vec![1u8; leak_mb << 20].leak());
            signed(mail, sign_rounds).to_message()
        };
        serve(channel, server, write).await
    })
}

/// The mail with a line that depends on its text. It stands for what a real program does
/// here: rendering a template, and DKIM (RFC 6376). It takes a processor and never waits.
fn signed(mail: &NumberedMail, rounds: usize) -> NumberedMail {
    let mut mail = mail.clone();
    // FNV-1a, many times. It is not a signature that would convince anyone.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for _ in 0..rounds {
        for byte in mail.mail.text.bytes() {
            hash = black_box((hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        }
    }
    Arc::make_mut(&mut mail.mail).text.push_str(&format!("\n-- \nsigned {hash:016x}\n"));
    mail
}
