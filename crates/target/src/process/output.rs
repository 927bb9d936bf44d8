//! The last lines that a process has written, which explain why it ended.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// How many lines are kept. An older one makes room for a newer one.
const LINES: usize = 15;

/// How many bytes of a line are kept. The rest counts as the next line.
const LINE_BYTES: u64 = 500;

/// The last lines of a process, of both of its outputs. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutputTail(Arc<Mutex<VecDeque<String>>>);

impl OutputTail {
    /// Reads an output until it ends, and calls `each` with every line. A process that writes more
    /// than anybody reads would have to wait, so it is read as fast as it writes.
    pub(crate) async fn read(self, output: impl AsyncRead + Unpin, mut each: impl FnMut(&str)) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        // An output that cannot be read has ended.
        while let Ok(1..) = (&mut output).take(LINE_BYTES).read_until(b'\n', &mut line).await {
            let text = String::from_utf8_lossy(&line);
            each(&text);
            self.push(text.trim_end());
            line.clear();
        }
    }

    fn push(&self, line: &str) {
        let mut lines = self.0.lock();
        if lines.len() == LINES {
            lines.pop_front();
        }
        let shown = |sign: char| if sign.is_control() && sign != '\t' { '?' } else { sign };
        lines.push_back(line.chars().map(shown).collect());
    }

    /// Returns the lines for the end of an error: each on a line of its own, below a line that says
    /// what they are.
    pub(crate) fn for_error(&self) -> String {
        let lines = self.0.lock();
        if lines.is_empty() {
            return "\n\nit has written nothing".to_owned();
        }
        let mut text = "\n\nits last lines of output:".to_owned();
        for line in lines.iter() {
            let _ = write!(text, "\n  {line}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_lines_are_kept_and_a_long_one_is_cut() {
        let mut output = String::new();
        (1..=20).for_each(|number| _ = writeln!(output, "line {number}"));
        output.push_str(&"x".repeat(700));
        let (tail, mut seen) = (OutputTail::default(), 0);
        tail.clone().read(output.as_bytes(), |_| seen += 1).await;
        assert_eq!(seen, 22);
        let text = tail.for_error();
        let lines: Vec<_> = text.lines().skip(3).collect();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0], "  line 8");
        assert_eq!(lines[LINES - 1].len(), 2 + 200);
    }

    #[tokio::test]
    async fn nothing_in_an_output_reaches_a_terminal_but_text() {
        let tail = OutputTail::default();
        tail.clone().read(&b"\x1b[2J\xff\n"[..], |_| ()).await;
        assert_eq!(tail.for_error().lines().last(), Some("  ?[2J\u{fffd}"));
        assert!(OutputTail::default().for_error().ends_with("nothing"));
    }
}
