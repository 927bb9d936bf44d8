//! Many subscribers in one thread that does nothing but count: an event loop without a runtime.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::subscription::{CursorIn, FeedRoute, RouteKind};
use crate::{answer, message};

/// How much one read of a socket takes, in bytes.
const READ_BYTES: usize = 64 << 10;

/// How soon the thread sees that it has to stop.
const STOP_TIME: Duration = Duration::from_millis(50);

/// Subscribers that are connected. They count from [`CountingCrowd::start`] on.
pub(crate) struct CountingCrowd {
    address: SocketAddr,
    route: FeedRoute,
    subscribers: Vec<CountingSubscriber>,
}

/// A crowd whose thread runs. It ends when this is dropped.
pub(crate) struct RunningCrowd {
    shared: Arc<Tally>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

#[derive(Debug, Default)]
struct Tally {
    deliveries: AtomicU64,
    stops: AtomicBool,
}

struct CountingSubscriber {
    stream: TcpStream,
    /// What has come of an answer; unused where messages are pushed.
    unread: Vec<u8>,
}

impl CountingCrowd {
    pub(crate) fn new(address: SocketAddr, route: FeedRoute) -> Self {
        Self { address, route, subscribers: Vec::new() }
    }

    /// Subscribes, one after the other, until there are `count` subscribers.
    ///
    /// # Errors
    /// The server does not accept one of them.
    pub(crate) fn grow_to(&mut self, count: u32) -> anyhow::Result<()> {
        while self.subscribers.len() < count as usize {
            let stream = self.route.subscribe(self.address)?;
            stream.set_nonblocking(true)?;
            let stream = TcpStream::from_std(stream);
            self.subscribers.push(CountingSubscriber { stream, unread: Vec::new() });
        }
        Ok(())
    }

    /// Starts the thread that counts.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub(crate) fn start(mut self) -> anyhow::Result<RunningCrowd> {
        let mut poll = Poll::new()?;
        for (index, subscriber) in self.subscribers.iter_mut().enumerate() {
            poll.registry().register(&mut subscriber.stream, Token(index), Interest::READABLE)?;
        }
        let shared = Arc::new(Tally::default());
        let tally = Arc::clone(&shared);
        let thread = thread::Builder::new().name("crowd".to_owned());
        let thread = thread.spawn(move || self.count(&mut poll, &tally))?;
        Ok(RunningCrowd { shared, thread: Some(thread) })
    }

    fn count(mut self, poll: &mut Poll, tally: &Tally) -> anyhow::Result<()> {
        let cursor_in = match self.route.kind {
            RouteKind::LongPolling(cursor_in) => Some(cursor_in),
            RouteKind::ShortPolling
            | RouteKind::EventStream
            | RouteKind::WebSocket
            | RouteKind::SocketIo { .. } => None,
        };
        let mut events = Events::with_capacity(self.subscribers.len().max(1));
        let mut buffer = vec![0; READ_BYTES];
        while !tally.stops.load(Ordering::Relaxed) {
            match poll.poll(&mut events, Some(STOP_TIME)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                _ => {}
            }
            for event in &events {
                let subscriber = &mut self.subscribers[event.token().0];
                let bytes = read_all(&mut subscriber.stream, &mut buffer, |bytes| {
                    if cursor_in.is_some() {
                        subscriber.unread.extend_from_slice(bytes);
                    }
                    message::count(bytes)
                })?;
                tally.deliveries.fetch_add(bytes, Ordering::Release);
                if let Some(cursor_in) = cursor_in {
                    subscriber.poll_again(cursor_in, self.address, &self.route.path)?;
                }
            }
        }
        Ok(())
    }
}

impl CountingSubscriber {
    /// Asks again if the answer has come as a whole.
    fn poll_again(
        &mut self,
        cursor_in: CursorIn,
        address: SocketAddr,
        path: &str,
    ) -> anyhow::Result<()> {
        let Some(answer) = answer::read(&self.unread, cursor_in.fields())? else { return Ok(()) };
        let status = answer.status;
        ensure!(matches!(status, 200 | 204 | 304), "a poll was answered with {status}");
        self.unread.drain(..answer.head_bytes + answer.body_bytes);
        ensure!(self.unread.is_empty(), "more came than the answer of a poll");
        let poll = cursor_in.next_poll(address, path, &answer.fields)?;
        // The answer was read, so the socket takes a short request at once.
        self.stream.write_all(poll.as_bytes()).context("cannot poll again")
    }
}

/// Reads what has come and adds up what `count` makes of it.
fn read_all(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    mut count: impl FnMut(&[u8]) -> u64,
) -> anyhow::Result<u64> {
    let mut sum = 0;
    loop {
        match stream.read(buffer) {
            Ok(0) => bail!("the server closed the connection of a subscriber"),
            Ok(length) => {
                sum += count(&buffer[..length]);
                // Less than fits is all that there was. What comes later is another event.
                if length < buffer.len() {
                    return Ok(sum);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(sum),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("the connection of a subscriber failed"),
        }
    }
}

impl RunningCrowd {
    /// Returns how many messages all subscribers have received together.
    pub(crate) fn deliveries(&self) -> u64 {
        self.shared.deliveries.load(Ordering::Acquire)
    }

    /// Waits until `deliveries` messages have come, or until `deadline`. Returns how many it was.
    pub(crate) fn wait_for(&self, deliveries: u64, deadline: Instant) -> u64 {
        while self.deliveries() < deliveries && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        self.deliveries()
    }

    /// Ends the thread.
    ///
    /// # Errors
    /// A connection had failed, or the server had closed it.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.shared.stops.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is taken only here and when this is dropped");
        thread.join().map_err(|_| anyhow::anyhow!("the thread of the subscribers panicked"))?
    }
}

impl Drop for RunningCrowd {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Why it ended no longer matters: the run has failed already.
            let _ = thread.join();
        }
    }
}
