//! The emulated link of a connection: every byte takes longer, each way, in order.
//!
//! What is written waits in a lane before it reaches the socket; what is read waits in another before it
//! reaches the reader.

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

/// What a lane holds at most. Full, it acts like a full TCP window: writes wait, and the socket is left
/// unread until the reader has caught up. At 25 ms each way this still passes 40 MiB/s.
const LANE_BYTES: usize = 1 << 20;

/// What is read from the socket in one go.
const READ_BYTES: usize = 16 << 10;

/// How long bytes take. A closure that returns a duration is one.
pub trait Delay {
    /// How long the piece of bytes takes that enters now, one way.
    fn next(&mut self) -> Duration;

    /// Bytes are handed to the reader that were due at this time: read from the socket + delay. Not the
    /// time at which the timer handed them over, which is up to a millisecond late.
    fn arrived(&mut self, _due: Timestamp) {}
}

impl<F: FnMut() -> Duration> Delay for F {
    fn next(&mut self) -> Duration {
        self()
    }
}

/// A socket with a lane of delayed bytes each way. It holds buffers only while bytes are under way.
///
/// To be polled by one task: reading also sends what has become due, so two halves on two tasks would
/// steal each other's wake-ups. Dropping it discards what is under way; `poll_shutdown` waits for it.
#[derive(Debug)]
pub struct DelayLine<S, D> {
    socket: S,
    delay: D,
    /// Bytes from the socket that the reader may not have yet.
    down: Lane,
    /// Bytes from the writer that the socket may not have yet.
    up: Lane,
    /// The socket's last word, which the reader hears after all bytes: its end, or an error.
    end: Option<io::Result<()>>,
    /// Who reads, and so keeps what was written moving: a reader that is woken by name, as one behind a
    /// gate is, would otherwise not learn that written bytes are due.
    reader: Option<Waker>,
    /// Who waits for room to write.
    writer: Option<Waker>,
}

/// Bytes under way in one direction.
#[derive(Debug)]
struct Lane {
    segments: VecDeque<Segment>,
    /// The sum of the segments.
    bytes: usize,
    /// When the newest segment is due: a later one is never due earlier, whatever its jitter.
    newest_due: Timestamp,
    /// Fires when the oldest segment is due.
    timer: Pin<Box<Sleep>>,
    /// What `timer` is set to.
    armed_for: Option<Timestamp>,
}

/// Empty bytes mark the end of the stream, which travels as long as any byte does.
#[derive(Debug)]
struct Segment {
    due: Timestamp,
    bytes: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin, D: Delay> DelayLine<S, D> {
    /// Delays what crosses `socket`.
    pub fn new(socket: S, delay: D) -> Self {
        Self {
            socket,
            delay,
            down: Lane::new(),
            up: Lane::new(),
            end: None,
            reader: None,
            writer: None,
        }
    }

    fn due(&mut self) -> Timestamp {
        Timestamp::now() + self.delay.next()
    }

    /// Reads what the socket has, at once, so that the delay counts from the arrival and not from the
    /// moment at which the reader had time.
    fn take_in(&mut self, cx: &mut Context<'_>) {
        while self.end.is_none() && self.down.bytes < LANE_BYTES {
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

    /// Writes what has become due, as far as the socket takes it. What is left wakes the reader, and
    /// whoever waits for room: either may be the one that is still listened to.
    fn send_out(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let waker = match (&self.reader, &self.writer) {
            (Some(reader), Some(writer)) => {
                Waker::from(Arc::new(Both { reader: reader.clone(), writer: writer.clone() }))
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
    /// Hands out one segment at a time, so that two that are both overdue keep stamps of their own.
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
        this.take_in(cx);
        // A write error is left to the writer, or to the read that fails for the same reason.
        let _ = this.send_out(cx);
        let due = this.down.oldest_due();
        let Some(bytes) = ready!(this.down.poll_oldest(cx)) else {
            // Nothing under way: `take_in` has left a waker with the socket, or the end was read.
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
        this.send_out(cx)?;
        let room = LANE_BYTES - this.up.bytes;
        if room == 0 {
            this.writer = Some(cx.waker().clone());
            this.send_out(cx)?;
            if this.up.bytes == LANE_BYTES {
                return Poll::Pending;
            }
        }
        let room = LANE_BYTES - this.up.bytes;
        let taken = bytes.len().min(room);
        if taken > 0 {
            let due = this.due();
            this.up.push(due, Bytes::copy_from_slice(&bytes[..taken]));
            this.send_out(cx)?;
        }
        Poll::Ready(Ok(taken))
    }

    /// Ready at once: what was written is under way, which is all that a flush promises.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().send_out(cx))
    }

    /// Ready when the last byte has reached the socket and the socket is shut down.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.send_out(cx)?;
        if this.up.bytes > 0 {
            this.writer = Some(cx.waker().clone());
            this.send_out(cx)?;
            if this.up.bytes > 0 {
                return Poll::Pending;
            }
        }
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

/// Wakes both ends of a delay line.
struct Both {
    reader: Waker,
    writer: Waker,
}

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.reader.wake_by_ref();
        self.writer.wake_by_ref();
    }
}

impl Lane {
    fn new() -> Self {
        Self {
            segments: VecDeque::new(),
            bytes: 0,
            newest_due: Timestamp::from_nanos(0),
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            armed_for: None,
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

    /// The oldest segment once it is due, `None` when there is none.
    fn poll_oldest(&mut self, cx: &mut Context<'_>) -> Poll<Option<&[u8]>> {
        let Some(oldest) = self.segments.front() else { return Poll::Ready(None) };
        let left = oldest.due.saturating_since(Timestamp::now());
        if !left.is_zero() {
            if self.armed_for != Some(oldest.due) {
                self.timer.as_mut().reset(Instant::now() + left);
                self.armed_for = Some(oldest.due);
            }
            ready!(self.timer.as_mut().poll(cx));
        }
        Poll::Ready(Some(&oldest.bytes))
    }

    /// Drops `count` bytes of the oldest segment, and the segment with its last byte.
    fn advance(&mut self, count: usize) {
        self.bytes -= count;
        if let Some(oldest) = self.segments.front_mut() {
            oldest.bytes.advance(count);
            if oldest.bytes.is_empty() {
                self.segments.pop_front();
            }
        }
        if self.segments.is_empty() {
            self.segments = VecDeque::new();
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
        // Written by the task itself, whose own waker is another.
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
    async fn a_lane_takes_so_many_bytes_and_no_more() {
        let (here, _there) = duplex(64);
        // Nothing leaves the lane while the test runs.
        let mut line = DelayLine::new(here, || Duration::from_hours(1));
        let (mut written, context) = (0, &mut Context::from_waker(Waker::noop()));
        while let Poll::Ready(taken) = Pin::new(&mut line).poll_write(context, &[0; 10_000]) {
            written += taken.unwrap();
        }
        assert_eq!(written, LANE_BYTES);
    }

    #[tokio::test]
    async fn a_full_lane_wakes_its_writer_though_the_reader_listens_no_more() {
        let (here, mut there) = duplex(1 << 16);
        let mut line = DelayLine::new(here, || DELAY);
        // A reader that was here once, and whose waker reaches nobody.
        let mut bytes = [0; 8];
        let mut buffer = ReadBuf::new(&mut bytes);
        let nobody = Waker::noop();
        let reading = Pin::new(&mut line).poll_read(&mut Context::from_waker(nobody), &mut buffer);
        assert!(reading.is_pending());
        let sent = vec![7; 2 * LANE_BYTES];
        let mut read = vec![0; LANE_BYTES];
        let (written, taken) = tokio::join!(line.write_all(&sent), there.read_exact(&mut read));
        assert!(written.is_ok() && taken.is_ok());
    }

    #[tokio::test]
    async fn more_than_a_lane_holds_is_written_and_shut_down_in_the_end() {
        let (here, mut there) = duplex(1 << 16);
        let mut line = DelayLine::new(here, || DELAY);
        let sent: Vec<u8> = (0..3 * LANE_BYTES).map(|place| place.to_le_bytes()[0]).collect();
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
