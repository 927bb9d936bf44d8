//! The lines that `wirebench publish` publishes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde::de::IgnoredAny;
use tokio::sync::mpsc;

/// The maximum length of a line. No server takes a message this large unless told to.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// How many lines are read ahead. A line may be large.
const LINES_AHEAD: usize = 4;

/// A file, or standard input, line by line.
pub(super) struct Input {
    /// The lines with their ends. A thread reads them, since reading a pipe may block for ever.
    lines: mpsc::Receiver<io::Result<Vec<u8>>>,
    /// The file; `None` is standard input.
    file: Option<PathBuf>,
    /// The number of the last line, from 1.
    line: u64,
    /// Each line is text; otherwise it is a JSON value.
    text: bool,
}

/// One message to publish.
pub(super) struct InputLine {
    /// The number of the line, from 1.
    pub(super) number: u64,
    /// The payload.
    pub(super) json: Bytes,
}

impl Input {
    /// Opens a file; `-` or `None` is standard input.
    pub(super) fn open(file: Option<&Path>, text: bool) -> anyhow::Result<Self> {
        let file = file.filter(|path| *path != Path::new("-")).map(Path::to_owned);
        let reader: Box<dyn BufRead + Send> = match &file {
            Some(path) => {
                let opened = File::open(path);
                let opened = opened.with_context(|| format!("cannot read `{}`", path.display()))?;
                Box::new(BufReader::new(opened))
            }
            None => Box::new(BufReader::new(io::stdin())),
        };
        let (sender, lines) = mpsc::channel(LINES_AHEAD);
        // It ends with the input, with the receiver, or with the program.
        thread::spawn(move || read_lines(reader, &sender));
        Ok(Self { lines, file, line: 0, text })
    }

    /// Returns true if the same lines can be read again.
    pub(super) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// Returns a line of this input in words.
    pub(super) fn place(&self, line: u64) -> String {
        match &self.file {
            Some(path) => format!("line {line} of `{}`", path.display()),
            None => format!("line {line} of standard input"),
        }
    }

    /// Returns the next message, and `None` at the end. An empty line is an empty text, or skipped
    /// where lines are JSON.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<InputLine>> {
        loop {
            let Some(line) = self.read().await? else { return Ok(None) };
            let number = self.line;
            if self.text {
                let text = String::from_utf8(line)
                    .with_context(|| format!("{} is not UTF-8", self.place(number)))?;
                return Ok(Some(InputLine { number, json: serde_json::to_vec(&text)?.into() }));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Err(error) = serde_json::from_slice::<IgnoredAny>(&line) {
                bail!(
                    "{} is not JSON (column {}): each line has to be one JSON value; publish it as \
                     text with `--text`",
                    self.place(number),
                    error.column()
                );
            }
            return Ok(Some(InputLine { number, json: line.into() }));
        }
    }

    /// Returns the next line without its end, and `None` after the last.
    async fn read(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(line) = self.lines.recv().await else { return Ok(None) };
        self.line += 1;
        let place = || self.place(self.line);
        let mut line = line.with_context(|| format!("cannot read {}", place()))?;
        if line.pop_if(|last| *last == b'\n').is_none() && line.len() as u64 == MAX_LINE_BYTES {
            bail!("{} is longer than {} MiB", place(), MAX_LINE_BYTES >> 20);
        }
        line.pop_if(|last| *last == b'\r');
        Ok(Some(line))
    }
}

/// Reads lines until the input ends or fails, or nobody wants more.
fn read_lines(mut reader: impl BufRead, lines: &mpsc::Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut line = Vec::new();
        let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        let is_last = read.is_err();
        if matches!(read, Ok(0)) || lines.blocking_send(read.map(|_| line)).is_err() || is_last {
            return;
        }
    }
}
