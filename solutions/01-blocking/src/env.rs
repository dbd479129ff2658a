//! Settings from the environment. A value that cannot be used is an error, never the default.

use std::env::var_os;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The value of an environment variable, or `None` when it isn't set.
///
/// # Errors
/// One line of text when the value isn't UTF-8.
pub fn text(name: &str) -> Result<Option<String>, String> {
    let Some(value) = var_os(name) else { return Ok(None) };
    value.into_string().map(Some).map_err(|value| format!("cannot use {name} {value:?}: it is not UTF-8"))
}

/// A whole number within `range`, or `default` when the variable isn't set.
///
/// # Errors
/// One line of text when the value is anything else.
pub fn number(name: &str, default: usize, range: RangeInclusive<usize>) -> Result<usize, String> {
    let (low, high) = (*range.start(), *range.end());
    let expected = match high {
        usize::MAX => format!("a whole number from {low} up"),
        _ => format!("a whole number from {low} to {high}"),
    };
    parsed(name, default, expected, |text| text.parse().ok().filter(|number| range.contains(number)))
}

/// A time in seconds, such as 30 or 0.5, or `default` when the variable isn't set.
///
/// # Errors
/// One line of text when the value is anything else.
pub fn seconds(name: &str, default: Duration) -> Result<Duration, String> {
    let parse = |text: &str| {
        let seconds = text.parse().ok().filter(|seconds: &f64| *seconds > 0.0);
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    };
    parsed(name, default, "a number of seconds above 0", parse)
}

fn parsed<T>(
    name: &str,
    default: T,
    expected: impl Display,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, String> {
    let Some(text) = text(name)? else { return Ok(default) };
    parse(&text).ok_or_else(|| format!("cannot use {name} {text:?}: it must be {expected}"))
}
