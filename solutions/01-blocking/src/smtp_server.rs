//! Where mail goes: the environment variable `SMTP_URL`.

use crate::env;
use url::Url;

/// Where mail goes when `SMTP_URL` is not set.
pub const DEFAULT_SMTP_URL: &str = "smtp://127.0.0.1:2525";

/// The port of SMTP (RFC 5321), for a URL that names none.
const SMTP_PORT: u16 = 25;

/// The host and port of an SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpServer {
    /// The name or the IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl SmtpServer {
    /// The server that the environment variable `SMTP_URL` names, or the one of [`DEFAULT_SMTP_URL`].
    ///
    /// # Errors
    /// One line of text when the value is not `smtp://HOST[:PORT]`. A password is refused, since it would
    /// travel in clear text.
    pub fn from_env() -> Result<Self, String> {
        let text = env::text("SMTP_URL")?.unwrap_or_else(|| DEFAULT_SMTP_URL.into());
        Self::parse(&text).map_err(|why| format!("cannot use SMTP_URL {text:?}: {why}"))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        match url.scheme() {
            "smtp" => {}
            "smtps" => return Err("this workshop speaks no TLS, use smtp://HOST:PORT".into()),
            other => return Err(format!("unknown scheme \"{other}\", use smtp://HOST:PORT")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("this workshop does not log in, use smtp://HOST:PORT".into());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
        // An IPv6 address stands in brackets in a URL, and without them everywhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: url.port().unwrap_or(SMTP_PORT) })
    }
}
