//! Writes data to standard output and messages to standard error. No other part of the program
//! writes to either.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use terminal_size::{Width, terminal_size_of};
use wirebench_report::Style;
pub(crate) use wirebench_report::thousands;

/// Writes data to standard output, unchanged.
///
/// # Errors
/// Standard output is full. A closed pipe is not an error: its reader has read enough.
pub(crate) fn data(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes a line to standard error. Errors are ignored, since they could not be reported.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Writes a warning to standard error, in colour on a terminal.
pub(crate) fn warn(line: &str) {
    talk(&format!("\u{1b}[1;33mwarning:\u{1b}[0m {line}"));
}

/// Returns true if standard output shows colour: it is a terminal, and `NO_COLOR` is not set.
pub(crate) fn colour() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Returns the style of tables on standard output.
pub(crate) fn style() -> Style {
    let terminal = terminal_size_of(io::stdout()).map(|(Width(columns), _)| usize::from(columns));
    let asked = std::env::var("COLUMNS").ok();
    Style { colour: colour(), width: width(asked.as_deref(), terminal) }
}

/// Returns the width of the terminal that standard error is. `None` if it is not one.
pub(crate) fn talk_width() -> Option<usize> {
    terminal_size_of(io::stderr()).map(|(Width(columns), _)| usize::from(columns))
}

/// Returns the width of a line: the value of `COLUMNS` if that is a number from 40 to 1,000;
/// otherwise the width of the terminal, but at least 40; and 80 if standard output is not a
/// terminal.
fn width(asked: Option<&str>, terminal: Option<usize>) -> usize {
    let asked = asked.and_then(|text| text.trim().parse().ok());
    let sensible = asked.filter(|columns| (MIN_WIDTH..=1_000).contains(columns));
    sensible.or(terminal.map(|columns| columns.max(MIN_WIDTH))).unwrap_or(80)
}

/// The minimum width of a line. A narrower table could not show its widest numbers.
const MIN_WIDTH: usize = 40;

/// Writes a length of time in milliseconds: `28.3 ms`.
pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

/// Writes a length of time in minutes and seconds: `2 min 5 s`.
pub(crate) fn minutes(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_is_that_of_the_terminal_unless_columns_is_a_sensible_number() {
        for (asked, terminal, expected) in [
            (None, Some(120), 120),
            (Some("60"), Some(120), 60),
            (Some("100"), None, 100),
            (Some("0"), Some(120), 120),
            (Some("7"), Some(120), 120),
            (Some("wide"), Some(120), 120),
            (Some("-5"), None, 80),
            (None, Some(10), 40),
            (None, None, 80),
        ] {
            assert_eq!(width(asked, terminal), expected, "{asked:?} {terminal:?}");
        }
    }
}
