//! The emulated link of a connection: it delays every byte, each way, and keeps their order.
//!
//! Bytes that are written wait in a queue before they reach the socket. Bytes that are read wait in
//! another queue before they reach the reader.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use wirebench_protocol::Timestamp;

/// The maximum number of bytes under way in one direction. At this limit, the link acts like a full
/// TCP window: writes wait, and the socket is not read until the reader has caught up. At 25 ms
/// each way this still passes 40 MiB/s.
const MAX_BYTES: usize = 1 << 20;

/// The number of bytes that are read from the socket at once.
const READ_BYTES: usize = 16 << 10;

/// How long bytes are under way. A closure that returns a duration is a `Delay`.
pub trait Delay {
    /// Returns the one-way delay of the piece of bytes that is sent now.
    fn next(&mut self) -> Duration;

    /// Called when bytes are handed to the reader, with the time at which they were due: the time
    /// at which they were read from the socket, plus the delay. The timer hands them over up to a
    /// millisecond later.
    fn arrived(&mut self, _due: Timestamp) {}
}

impl<F: FnMut() -> Duration> Delay for F {
    fn next(&mut self) -> Duration {
        self()
    }
}

/// A socket with a queue of delayed bytes each way. It has buffers and timers only while bytes are
/// under way: a crowd of subscribers that wait owns none.
///
/// It must be polled by one task. Reading also sends what has become due, so two halves on two
/// tasks would steal each other's wake-ups. Dropping it discards the bytes that are under way;
/// `poll_shutdown` waits until they have been sent.
#[derive(Debug)]
pub struct DelayLine<S, D> {
    socket: S,
    delay: D,
    /// Bytes from the socket that are not due at the reader yet.
    down: InFlight,
    /// Bytes from the writer that are not due at the socket yet.
    up: InFlight,
    /// The end of the socket, or its error. The reader gets it after all bytes.
    end: Option<io::Result<()>>,
    /// The waker of the reader, whose reads also send what was written. A reader that is polled
    /// only when its own waker is called would otherwise not learn that written bytes are due.
    reader: Option<Waker>,
    /// The waker of a writer that waits for room.
    writer: Option<Waker>,
}

/// Bytes under way in one direction.
#[derive(Debug)]
struct InFlight {
    segments: VecDeque<Segment>,
    /// The number of bytes in all segments.
    bytes: usize,
    /// When the newest segment is due. A later segment is never due earlier, whatever its jitter.
    newest_due: Timestamp,
    /// Fires when the oldest segment is due. `None` until somebody waits for a segment.
    timer: Option<DueTimer>,
}

/// A timer, and the time that it is set to.
#[derive(Debug)]
struct DueTimer {
    sleep: Pin<Box<Sleep>>,
    due: Timestamp,
}

/// A piece of bytes under way. Empty bytes mark the end of the stream, which is delayed like any
/// byte.
#[derive(Debug)]
struct Segment {
    due: Timestamp,
    bytes: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin, D: Delay> DelayLine<S, D> {
    /// Delays the bytes that cross `socket`.
    pub fn new(socket: S, delay: D) -> Self {
        Self {
            socket,
            delay,
            down: InFlight::new(),
            up: InFlight::new(),
            end: None,
            reader: None,
            writer: None,
        }
    }

    fn due(&mut self) -> Timestamp {
        Timestamp::now() + self.delay.next()
    }

    /// Reads everything that the socket has, so that the delay counts from the arrival of the bytes
    /// and not from the moment at which the reader had time.
    fn receive(&mut self, cx: &mut Context<'_>) {
        while self.end.is_none() && self.down.bytes < MAX_BYTES {
            let mut scratch = [MaybeUninit::uninit(); READ_BYTES];
            let mut buf = ReadBuf::uninit(&mut scratch);
            let end = match Pin::new(&mut self.socket).poll_read(cx, &mut buf) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => None,
                Poll::Ready(end) => Some(end),
            };
            let due = self.due();
            self.down.push(due, Bytes::copy_from_slice(buf.filled()));
            self.end = end;
        }
    }

    /// Writes what has become due, as far as the socket takes it. What is left wakes the reader and
    /// the writer that waits for room, because the task may poll only one of them.
    fn send(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let waker = match (&self.reader, &self.writer) {
            (Some(reader), Some(writer)) => {
                Waker::from(Arc::new(WakeBoth { reader: reader.clone(), writer: writer.clone() }))
            }
            (Some(reader), None) => reader.clone(),
            (None, _) => cx.waker().clone(),
        };
        let before = self.up.bytes;
        let sent = self.send_due(&mut Context::from_waker(&waker));
        if self.up.bytes < before
            && let Some(writer) = self.writer.take()
        {
            writer.wake();
        }
        sent
    }

    fn send_due(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Poll::Ready(Some(bytes)) = self.up.poll_oldest(cx) {
            match Pin::new(&mut self.socket).poll_write(cx, bytes) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => self.up.advance(written),
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, D: Delay + Unpin> AsyncRead for DelayLine<S, D> {
    /// Returns one segment at a time, so that two segments that are both overdue keep their own
    /// stamps.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        this.receive(cx);
        // A write error is reported to the writer, or by the next read, which fails for the same
        // reason.
        let _ = this.send(cx);
        let due = this.down.oldest_due();
        let Some(bytes) = ready!(this.down.poll_oldest(cx)) else {
            // Nothing is under way: `receive` has left a waker with the socket, or the end was
            // read.
            return if this.end.is_some() { Poll::Ready(Ok(())) } else { Poll::Pending };
        };
        if bytes.is_empty() {
            this.down.advance(0);
            return Poll::Ready(this.end.replace(Ok(())).unwrap_or(Ok(())));
        }
        let taken = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..taken]);
        this.down.advance(taken);
        if let Some(due) = due {
            this.delay.arrived(due);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, D: Delay + Unpin> AsyncWrite for DelayLine<S, D> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.send(cx)?;
        let room = MAX_BYTES - this.up.bytes;
        if room == 0 {
            this.writer = Some(cx.waker().clone());
            this.send(cx)?;
            if this.up.bytes == MAX_BYTES {
                return Poll::Pending;
            }
        }
        let room = MAX_BYTES - this.up.bytes;
        let taken = bytes.len().min(room);
        if taken > 0 {
            let due = this.due();
            this.up.push(due, Bytes::copy_from_slice(&bytes[..taken]));
            this.send(cx)?;
        }
        Poll::Ready(Ok(taken))
    }

    /// Ready at once: the bytes that were written are under way, which is all that a flush
    /// promises.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().send(cx))
    }

    /// Ready when the last byte has reached the socket and the socket is shut down.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.send(cx)?;
        if this.up.bytes > 0 {
            this.writer = Some(cx.waker().clone());
            this.send(cx)?;
            if this.up.bytes > 0 {
                return Poll::Pending;
            }
        }
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

/// Wakes the reader and the writer of a delay line.
struct WakeBoth {
    reader: Waker,
    writer: Waker,
}

impl Wake for WakeBoth {
    fn wake(self: Arc<Self>) {
        self.reader.wake_by_ref();
        self.writer.wake_by_ref();
    }
}

impl InFlight {
    fn new() -> Self {
        Self {
            segments: VecDeque::new(),
            bytes: 0,
            newest_due: Timestamp::from_nanos(0),
            timer: None,
        }
    }

    fn push(&mut self, due: Timestamp, bytes: Bytes) {
        self.newest_due = self.newest_due.max(due);
        self.bytes += bytes.len();
        self.segments.push_back(Segment { due: self.newest_due, bytes });
    }

    fn oldest_due(&self) -> Option<Timestamp> {
        self.segments.front().map(|segment| segment.due)
    }

    /// Returns the bytes of the oldest segment once it is due; `None` if nothing is under way.
    fn poll_oldest(&mut self, cx: &mut Context<'_>) -> Poll<Option<&[u8]>> {
        let Some(oldest) = self.segments.front() else { return Poll::Ready(None) };
        let left = oldest.due.saturating_since(Timestamp::now());
        if !left.is_zero() {
            let timer = self.timer.get_or_insert_with(|| DueTimer::new(oldest.due, left));
            timer.set(oldest.due, left);
            ready!(timer.sleep.as_mut().poll(cx));
        }
        Poll::Ready(Some(&oldest.bytes))
    }

    /// Removes `count` bytes of the oldest segment, and the segment itself with its last byte.
    fn advance(&mut self, count: usize) {
        self.bytes -= count;
        if let Some(oldest) = self.segments.front_mut() {
            oldest.bytes.advance(count);
            if oldest.bytes.is_empty() {
                self.segments.pop_front();
            }
        }
        if self.segments.is_empty() {
            (self.segments, self.timer) = (VecDeque::new(), None);
        }
    }
}

impl DueTimer {
    /// Creates a timer that fires at `due`, which is `left` from now.
    fn new(due: Timestamp, left: Duration) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(Instant::now() + left)), due }
    }

    /// Sets the timer to `due`, which is `left` from now, unless it is set to that already.
    fn set(&mut self, due: Timestamp, left: Duration) {
        if self.due != due {
            self.sleep.as_mut().reset(Instant::now() + left);
            self.due = due;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const DELAY: Duration = Duration::from_millis(5);

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn what_was_written_wakes_the_reader_when_it_is_due() {
        let (here, mut there) = duplex(64);
        let mut line = DelayLine::new(here, || DELAY);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut bytes = [0; 8];
        let mut buffer = ReadBuf::new(&mut bytes);
        let reading = Pin::new(&mut line).poll_read(&mut Context::from_waker(&waker), &mut buffer);
        assert!(reading.is_pending());
        // The task itself writes; its own waker is another one.
        line.write_all(b"late").await.unwrap();
        while woken.0.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let reading = Pin::new(&mut line).poll_read(&mut Context::from_waker(&waker), &mut buffer);
        assert!(reading.is_pending());
        let mut read = [0; 4];
        there.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"late");
    }

    #[tokio::test]
    async fn a_direction_takes_its_maximum_of_bytes_and_no_more() {
        let (here, _there) = duplex(64);
        // Nothing is due while the test runs.
        let mut line = DelayLine::new(here, || Duration::from_hours(1));
        let (mut written, context) = (0, &mut Context::from_waker(Waker::noop()));
        while let Poll::Ready(taken) = Pin::new(&mut line).poll_write(context, &[0; 10_000]) {
            written += taken.unwrap();
        }
        assert_eq!(written, MAX_BYTES);
    }

    #[tokio::test]
    async fn a_full_direction_wakes_its_writer_even_if_nobody_reads_any_more() {
        let (here, mut there) = duplex(1 << 16);
        let mut line = DelayLine::new(here, || DELAY);
        // A reader that was polled once, with a waker that wakes nobody.
        let mut bytes = [0; 8];
        let mut buffer = ReadBuf::new(&mut bytes);
        let nobody = Waker::noop();
        let reading = Pin::new(&mut line).poll_read(&mut Context::from_waker(nobody), &mut buffer);
        assert!(reading.is_pending());
        let sent = vec![7; 2 * MAX_BYTES];
        let mut read = vec![0; MAX_BYTES];
        let (written, taken) = tokio::join!(line.write_all(&sent), there.read_exact(&mut read));
        assert!(written.is_ok() && taken.is_ok());
    }

    #[tokio::test]
    async fn a_line_owns_buffers_and_timers_only_while_bytes_are_under_way() {
        fn owns_nothing<S, D>(line: &DelayLine<S, D>) -> bool {
            [&line.up, &line.down]
                .iter()
                .all(|way| way.segments.capacity() == 0 && way.timer.is_none())
        }
        let (here, mut there) = duplex(64);
        let mut line = DelayLine::new(here, || DELAY);
        assert!(owns_nothing(&line));
        line.write_all(b"up").await.unwrap();
        assert!(!owns_nothing(&line));
        let mut peer = [0; 2];
        let mut byte = [0];
        tokio::select! {
            read = there.read_exact(&mut peer) => assert_eq!(read.unwrap(), 2),
            read = line.read(&mut byte) => panic!("{read:?} came from a peer that sent nothing"),
        }
        assert!(owns_nothing(&line));
        there.write_all(b"d").await.unwrap();
        line.read_exact(&mut byte).await.unwrap();
        assert!(owns_nothing(&line));
    }

    #[tokio::test]
    async fn more_than_the_maximum_is_written_and_shut_down_in_the_end() {
        let (here, mut there) = duplex(1 << 16);
        let mut line = DelayLine::new(here, || DELAY);
        let sent: Vec<u8> = (0..3 * MAX_BYTES).map(|place| place.to_le_bytes()[0]).collect();
        let writing = async {
            line.write_all(&sent).await.unwrap();
            line.shutdown().await.unwrap();
        };
        let mut read = Vec::new();
        let ((), read_bytes) = tokio::join!(writing, there.read_to_end(&mut read));
        assert_eq!(read_bytes.unwrap(), sent.len());
        assert!(read == sent);
    }
}
