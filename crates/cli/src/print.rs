//! Standard output is data, standard error is talk: the one place that writes to either.

use std::io::{self, Write};

use anyhow::Context;

/// Writes data to standard output, as it is.
///
/// # Errors
/// Standard output is closed or full. A closed pipe is not an error: whoever read it has enough.
pub(crate) fn data(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes a line to standard error. When that fails there is nobody left to tell.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Whether standard output shows colour: a terminal, and nobody asked for none (`NO_COLOR`).
pub(crate) fn colour() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// A whole number with commas between its thousands: `20,000`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let texts = [0, 999, 1_000, 20_000, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "20,000", "1,234,567"]);
    }
}
