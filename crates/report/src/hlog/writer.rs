//! Writes `latency.hlog`: the histograms of each second of each run, for HdrHistogram's own tools.
//!
//! The lines are those of Java's `HistogramLogWriter`, format 1.3. They are built here and not by
//! the `hdrhistogram` crate's writer, which writes neither the version line nor the legend, and
//! adds a comment about the divisor of the maximum that Java does not have.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::Tag;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use jiff::Timestamp as WallTime;
use wirebench_measure::{Latency, Second};
use wirebench_protocol::Timestamp;

use crate::error::WriteError;
use crate::new_file::create_new;

/// Values are in nanoseconds. The column for people is in milliseconds, which is Java's default.
const NANOS_PER_MILLI: f64 = 1e6;

/// The start of a log: one instant on both clocks, which ties the times of seconds to the calendar.
#[derive(Clone, Copy, Debug)]
pub struct LogStart {
    /// The instant on the calendar.
    pub wall: SystemTime,
    /// The same instant on the clock that [`Second::from`] is read from.
    pub clock: Timestamp,
}

/// A `latency.hlog` that is being written.
///
/// Start time and base time are both the start given to [`LatencyLog::create`], and intervals are
/// relative to it. With both in the file no reader has to guess whether its timestamps are
/// absolute: those of Java, Python and JavaScript do when one is missing.
pub struct LatencyLog {
    path: PathBuf,
    file: File,
    start: Timestamp,
    /// Reused, because it keeps its buffers from line to line.
    serializer: V2DeflateSerializer,
}

impl LatencyLog {
    /// Creates the file and writes its header.
    ///
    /// # Errors
    ///
    /// If the file exists already, or cannot be created.
    pub fn create(path: impl Into<PathBuf>, start: LogStart) -> Result<Self, WriteError> {
        let path = path.into();
        let file = create_new(&path)?;
        let serializer = V2DeflateSerializer::new();
        let mut log = Self { path, file, start: start.clock, serializer };
        log.write(header(start.wall).as_bytes())?;
        Ok(log)
    }

    /// Appends a second of the run `run_id` and hands it to the system at once. A second without
    /// deliveries gets a line too, so that readers see that nothing arrived. What subscribers sent
    /// has lines of its own, with the tags `<run id>.upstream-ack`, `.upstream-echo` and
    /// `.upstream-others`, in the seconds that have any.
    ///
    /// # Errors
    ///
    /// If `run_id` cannot be a tag, or the system refuses to write.
    pub fn append(&mut self, run_id: &str, second: &Second) -> Result<(), WriteError> {
        let sent = &second.seen.upstream;
        self.append_tagged(run_id, second, &second.seen.delivery)?;
        for (name, latency) in [("ack", &sent.ack), ("echo", &sent.echo), ("others", &sent.others)]
        {
            if !latency.is_empty() {
                self.append_tagged(&format!("{run_id}.upstream-{name}"), second, latency)?;
            }
        }
        Ok(())
    }

    fn append_tagged(
        &mut self,
        tag: &str,
        second: &Second,
        latency: &Latency,
    ) -> Result<(), WriteError> {
        let tag = Tag::new(tag).ok_or_else(|| WriteError::Tag { tag: tag.to_owned() })?;
        let since = second.from.saturating_since(self.start);
        let histogram = latency.histogram();
        let encoded = self.encode(histogram)?;
        let line = line(tag, since, second.length, histogram.max(), &encoded);
        self.write(line.as_bytes())
    }

    fn encode(&mut self, histogram: &Histogram<u64>) -> Result<String, WriteError> {
        let mut bytes = Vec::new();
        self.serializer
            .serialize(histogram, &mut bytes)
            .map_err(|error| self.refused(io::Error::other(error)))?;
        Ok(STANDARD.encode(bytes))
    }

    /// Writes a line in one call, so that the file has all of it or nothing.
    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.file.write_all(bytes).map_err(|source| self.refused(source))
    }

    fn refused(&self, source: io::Error) -> WriteError {
        WriteError::Io { path: self.path.clone(), source }
    }
}

impl fmt::Debug for LatencyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatencyLog")
            .field("path", &self.path)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

fn header(start: SystemTime) -> String {
    let since_epoch = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = since_epoch.as_secs_f64();
    // As Java's `Date.toString` writes it.
    let date = WallTime::UNIX_EPOCH.checked_add(since_epoch).map_or_else(
        |_| String::new(),
        |time| time.strftime("%a %b %d %H:%M:%S UTC %Y").to_string(),
    );
    format!(
        "#[Histogram log format version 1.3]\n\
         #[StartTime: {seconds:.3} (seconds since epoch), {date}]\n\
         #[BaseTime: {seconds:.3} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
         \"Interval_Compressed_Histogram\"\n"
    )
}

#[expect(clippy::cast_precision_loss, reason = "three places of a column for people")]
fn line(tag: Tag<'_>, since: Duration, length: Duration, max_ns: u64, encoded: &str) -> String {
    format!(
        "Tag={},{:.3},{:.3},{:.3},{encoded}\n",
        tag.as_str(),
        since.as_secs_f64(),
        length.as_secs_f64(),
        max_ns as f64 / NANOS_PER_MILLI,
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use insta::assert_snapshot;
    use tempfile::tempdir;
    use wirebench_measure::{CpuTime, Recorder};

    use super::*;

    const START: Duration = Duration::from_millis(1_760_000_000_250);

    fn second(index: u64, delays: &[u64]) -> Second {
        let mut seen = Recorder::new();
        for millis in delays {
            seen.delivery.record(Duration::from_millis(*millis));
        }
        Second {
            index,
            from: Timestamp::from_nanos(5_000_000_000) + Duration::from_secs(index),
            length: Duration::from_millis(999),
            published: None,
            seen,
            clock_bound: None,
            connections: 0,
            bytes_up: 0,
            bytes_down: 0,
            server_cpu: None,
            server_rss_bytes: None,
            loadgen_cpu: CpuTime::default(),
        }
    }

    fn log(seconds: &[Second]) -> String {
        let folder = tempdir().unwrap();
        let path = folder.path().join("latency.hlog");
        let start = LogStart {
            wall: SystemTime::UNIX_EPOCH + START,
            clock: Timestamp::from_nanos(4_750_000_000),
        };
        let mut log = LatencyLog::create(&path, start).unwrap();
        for second in seconds {
            log.append("sse-1", second).unwrap();
        }
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_log_looks_like_that_of_javas_writer() {
        assert_snapshot!(log(&[second(0, &[25, 26]), second(1, &[])]));
    }

    #[test]
    fn the_crates_own_reader_finds_every_interval_and_value() {
        let seconds = [second(0, &[25, 26, 1_000]), second(1, &[]), second(2, &[30])];
        let text = log(&seconds);
        let entries: Vec<LogEntry<'_>> =
            IntervalLogIterator::new(text.as_bytes()).collect::<Result<_, _>>().unwrap();
        let (times, intervals) = entries.split_at(2);
        assert_eq!(times, [LogEntry::StartTime(START), LogEntry::BaseTime(START)]);
        assert_eq!(intervals.len(), seconds.len());
        for (entry, second) in intervals.iter().zip(&seconds) {
            let LogEntry::Interval(interval) = entry else { panic!("{entry:?}") };
            assert_eq!(interval.tag().map(|tag| tag.as_str()), Some("sse-1"));
            let since = Duration::from_millis(250) + Duration::from_secs(second.index);
            assert_eq!(interval.start_timestamp(), since);
            assert_eq!(interval.duration(), second.length);
            let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> =
                Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            assert_eq!(&histogram, second.seen.delivery.histogram());
        }
    }

    #[test]
    fn a_run_id_that_would_break_the_line_is_rejected() {
        let folder = tempdir().unwrap();
        let start = LogStart { wall: SystemTime::UNIX_EPOCH, clock: Timestamp::from_nanos(0) };
        let mut log = LatencyLog::create(folder.path().join("latency.hlog"), start).unwrap();
        let error = log.append("sse,1", &second(0, &[])).unwrap_err();
        assert!(matches!(error, WriteError::Tag { tag } if tag == "sse,1"));
    }
}
