//! HTTP/2 connections that several subscribers share. Each subscriber has its own stream.
//!
//! A task polls each connection. It takes one read at a time and then yields, so that the
//! subscribers that the read concerns stamp their messages before the next read moves the stamp. If
//! the event loop is too busy for that, a stamp is that of a later read: late by the lag of the
//! loop, never early.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::http2_driver::{DriverStep, Http2Driver, streams_allowed};
use crate::dial::{Arrivals, Dialer};
use crate::target::Target;

/// The shared connections of one client.
#[derive(Debug)]
pub(super) struct Pool {
    /// Each lives for as long as somebody holds a slot on it.
    connections: Mutex<Vec<Weak<SharedConnection>>>,
    /// The stream limit that a server sent last. The next connection is assumed to have the same.
    last_limit: AtomicUsize,
}

#[derive(Debug)]
struct SharedConnection {
    authority: String,
    slots_taken: AtomicUsize,
    /// The number of slots: as many as the server allows streams at once.
    slots: AtomicUsize,
    /// A stream on this connection timed out. No new streams are assigned to it.
    suspect: AtomicBool,
    /// The subscriber that joins first opens the connection, and the others wait for it.
    opened: OnceCell<Opened>,
}

#[derive(Debug)]
struct Opened {
    sender: SendRequest<Bytes>,
    arrivals: Arrivals,
    /// Cancelled when the connection has ended.
    over: CancellationToken,
    /// Ends the task that polls the connection.
    _task: DropGuard,
}

/// The right to have one stream at a time on a shared connection. Dropping the last slot closes the
/// connection.
#[derive(Debug)]
pub(super) struct StreamSlot {
    shared: Arc<SharedConnection>,
    /// How many slots were taken when this one was.
    position: usize,
}

/// A slot on a connection that is open, and what its holder needs to use it.
#[derive(Debug)]
pub(super) struct JoinedConnection {
    pub(super) slot: StreamSlot,
    pub(super) sender: SendRequest<Bytes>,
    pub(super) arrivals: Arrivals,
}

impl Default for Pool {
    fn default() -> Self {
        Self { connections: Mutex::default(), last_limit: AtomicUsize::new(usize::MAX) }
    }
}

impl Pool {
    /// Takes a slot on a connection to `target`: the first connection that has one left, or a new
    /// one.
    ///
    /// # Errors
    ///
    /// The error of dialling, or [`io::ErrorKind::TimedOut`].
    ///
    /// # Cancel safety
    ///
    /// The slot is given back. Another subscriber that waits for the same connection opens it.
    pub(super) async fn join(
        &self,
        dialer: &Dialer,
        target: &Target,
        within: Duration,
    ) -> io::Result<JoinedConnection> {
        timeout(within, async {
            loop {
                let slot = self.slot(target);
                let shared = Arc::clone(&slot.shared);
                let opened = shared.opened.get_or_try_init(|| self.open(dialer, target, &shared));
                let (sender, arrivals) = {
                    let opened = opened.await?;
                    (opened.sender.clone(), opened.arrivals.clone())
                };
                // More subscribers may have joined while it was opened than it turned out to carry.
                if slot.position < shared.slots.load(SeqCst) && shared.is_open() {
                    return Ok(JoinedConnection { slot, sender, arrivals });
                }
            }
        })
        .await?
    }

    /// Takes a slot on a connection that is open or about to be opened.
    fn slot(&self, target: &Target) -> StreamSlot {
        let mut connections = self.connections.lock();
        connections.retain(|connection| connection.strong_count() > 0);
        let fitting = connections.iter().filter_map(Weak::upgrade).find_map(|shared| {
            let fits = shared.authority == target.authority && shared.is_open();
            fits.then(|| StreamSlot::take(&shared)).flatten()
        });
        fitting.unwrap_or_else(|| {
            let shared = Arc::new(SharedConnection {
                authority: target.authority.clone(),
                slots_taken: AtomicUsize::new(1),
                slots: AtomicUsize::new(self.last_limit.load(SeqCst)),
                suspect: AtomicBool::new(false),
                opened: OnceCell::new(),
            });
            connections.push(Arc::downgrade(&shared));
            StreamSlot { shared, position: 0 }
        })
    }

    /// Opens a connection and waits for the stream limit of the server. That takes a round trip,
    /// which those who join later do not wait for.
    async fn open(
        &self,
        dialer: &Dialer,
        target: &Target,
        shared: &SharedConnection,
    ) -> io::Result<Opened> {
        let connection = dialer.connect(target, 2).await?;
        let arrivals = connection.arrivals();
        let (sender, mut driver) = Http2Driver::open(connection).await?;
        let limit = stream_limit(&sender, &mut driver).await?;
        shared.slots.store(limit, SeqCst);
        self.last_limit.store(limit, SeqCst);
        let (over, end) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(poll_until(end.clone(), driver, over.clone().drop_guard()));
        Ok(Opened { sender, arrivals, over, _task: end.drop_guard() })
    }
}

/// Waits until the server has sent how many streams it allows; at least 1.
async fn stream_limit(sender: &SendRequest<Bytes>, driver: &mut Http2Driver) -> io::Result<usize> {
    poll_fn(|cx| {
        loop {
            if let Some(allowed) = streams_allowed(sender) {
                return Poll::Ready(Ok(allowed.max(1)));
            }
            match driver.step(cx) {
                DriverStep::Read => {}
                DriverStep::Idle => return Poll::Pending,
                DriverStep::Ended(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                DriverStep::Ended(Ok(())) => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
    })
    .await
}

/// Polls a connection until it ends, or until nobody holds a slot on it.
async fn poll_until(end: CancellationToken, mut driver: Http2Driver, _over: DropGuard) {
    let polling = async {
        loop {
            let read = poll_fn(|cx| match driver.step(cx) {
                DriverStep::Read => Poll::Ready(true),
                DriverStep::Ended(_) => Poll::Ready(false),
                DriverStep::Idle => Poll::Pending,
            });
            if !read.await {
                return;
            }
            // Waking this task would put it just behind those that the read has woken. A task that
            // yields runs again only after everything else, the worker's set of tasks included.
            tokio::task::yield_now().await;
        }
    };
    end.run_until_cancelled(polling).await;
}

impl SharedConnection {
    /// Returns true if the connection takes new streams, as far as is known.
    fn is_open(&self) -> bool {
        let announced_its_end = |opened: &Opened| {
            let mut beside = Context::from_waker(Waker::noop());
            matches!(opened.sender.clone().poll_ready(&mut beside), Poll::Ready(Err(_)))
        };
        let ended = |opened: &Opened| opened.over.is_cancelled() || announced_its_end(opened);
        !self.suspect.load(SeqCst) && !self.opened.get().is_some_and(ended)
    }
}

impl StreamSlot {
    /// Takes the next slot, if one is left.
    fn take(shared: &Arc<SharedConnection>) -> Option<Self> {
        let slots = shared.slots.load(SeqCst);
        let next = |taken| (taken < slots).then_some(taken + 1);
        let position = shared.slots_taken.fetch_update(SeqCst, SeqCst, next).ok()?;
        Some(Self { shared: Arc::clone(shared), position })
    }

    /// Waits until the connection ends.
    pub(super) async fn over(&self) {
        if let Some(opened) = self.shared.opened.get() {
            opened.over.cancelled().await;
        }
    }

    /// Returns true if the connection has ended.
    pub(super) fn is_over(&self) -> bool {
        self.shared.opened.get().is_none_or(|opened| opened.over.is_cancelled())
    }

    /// Reports that the connection did not answer in time.
    pub(super) fn suspect(&self) {
        self.shared.suspect.store(true, SeqCst);
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.shared.slots_taken.fetch_sub(1, SeqCst);
    }
}
