//! Connections that many subscribers share, each with streams of its own (HTTP/2).
//!
//! A task polls each connection. It takes one read at a time and then steps aside, so that those whom the
//! read concerns stamp their messages before the next read moves the stamp. Where the event loop is too
//! busy for that, a stamp is that of a later read: late by what the loop was late, never early.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::dial::{Arrivals, Dialer};
use crate::http2::{Inner, Line, Polled, streams_allowed};
use crate::target::Target;

/// The shared connections of one dialer.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Each lives for as long as somebody has a seat on it.
    connections: Mutex<Vec<Weak<Shared>>>,
    /// How many streams the last server allowed that said so: what the next connection will carry.
    told: AtomicUsize,
}

/// One connection.
#[derive(Debug)]
struct Shared {
    /// Where it leads.
    authority: String,
    /// Seats that are taken.
    taken: AtomicUsize,
    /// Seats that there are: as many as the server allows streams at once.
    seats: AtomicUsize,
    /// Somebody waited in vain for an answer: nobody new is to join.
    suspect: AtomicBool,
    /// The first who joins opens it, and the others wait for that.
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

/// A place for one stream at a time. Dropping the last one closes the connection.
#[derive(Debug)]
pub(crate) struct Seat {
    shared: Arc<Shared>,
    /// How many were taken before it, when it was.
    place: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self { connections: Mutex::default(), told: AtomicUsize::new(usize::MAX) }
    }
}

impl Pool {
    /// A seat on a connection to `target`: the first that has one left, or else a new one.
    ///
    /// # Errors
    ///
    /// What dialling says, or [`io::ErrorKind::TimedOut`].
    ///
    /// # Cancel safety
    ///
    /// The seat is given back; another who waits for the same connection opens it.
    pub(crate) async fn join(
        &self,
        dialer: &Dialer,
        target: &Target,
        within: Duration,
    ) -> io::Result<(Line, Arrivals)> {
        timeout(within, async {
            loop {
                let seat = self.seat(target);
                let shared = Arc::clone(&seat.shared);
                let opened = shared.opened.get_or_try_init(|| self.open(dialer, target, &shared));
                let (sender, arrivals) = {
                    let opened = opened.await?;
                    (opened.sender.clone(), opened.arrivals.clone())
                };
                // More may have come while the connection was being opened than it turned out to carry.
                if seat.place < shared.seats.load(SeqCst) && shared.is_open() {
                    return Ok((Line::shared(sender, target, seat)?, arrivals));
                }
            }
        })
        .await?
    }

    /// A seat on a connection that is open or about to be.
    fn seat(&self, target: &Target) -> Seat {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| connection.strong_count() > 0);
        let fitting = connections.iter().filter_map(Weak::upgrade).find_map(|shared| {
            let fits = shared.authority == target.authority && shared.is_open();
            fits.then(|| Seat::take(&shared)).flatten()
        });
        fitting.unwrap_or_else(|| {
            let shared = Arc::new(Shared {
                authority: target.authority.clone(),
                taken: AtomicUsize::new(1),
                seats: AtomicUsize::new(self.told.load(SeqCst)),
                suspect: AtomicBool::new(false),
                opened: OnceCell::new(),
            });
            connections.push(Arc::downgrade(&shared));
            Seat { shared, place: 0 }
        })
    }

    /// Opens a connection and hears how many streams the server allows: a round trip, which those who
    /// come later do not wait for.
    async fn open(&self, dialer: &Dialer, target: &Target, shared: &Shared) -> io::Result<Opened> {
        let connection = dialer.connect(target).await?;
        let arrivals = connection.arrivals();
        let (sender, mut inner) = Inner::open(connection).await?;
        let allowed = poll_fn(|cx| {
            loop {
                if let Some(allowed) = streams_allowed(&sender) {
                    return Poll::Ready(Ok(allowed.max(1)));
                }
                match inner.poll(cx) {
                    Polled::Read => {}
                    Polled::Nothing => return Poll::Pending,
                    Polled::Over(result) => {
                        let why = result.map_err(io::Error::other);
                        return Poll::Ready(Err(why
                            .err()
                            .unwrap_or(io::ErrorKind::UnexpectedEof.into())));
                    }
                }
            }
        });
        let allowed = allowed.await?;
        shared.seats.store(allowed, SeqCst);
        self.told.store(allowed, SeqCst);
        let (over, end) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(poll_until(end.clone(), inner, over.clone().drop_guard()));
        Ok(Opened { sender, arrivals, over, _task: end.drop_guard() })
    }
}

/// Polls a connection to its end, or until nobody has a seat on it.
async fn poll_until(end: CancellationToken, mut inner: Inner, _over: DropGuard) {
    let polling = async {
        loop {
            let read = poll_fn(|cx| match inner.poll(cx) {
                Polled::Read => Poll::Ready(true),
                Polled::Over(_) => Poll::Ready(false),
                Polled::Nothing => Poll::Pending,
            });
            if !read.await {
                return;
            }
            // Not merely behind those whom the read has woken: tokio comes back to a task that yields
            // only after it has looked at everything else, the worker's own set of tasks included.
            tokio::task::yield_now().await;
        }
    };
    end.run_until_cancelled(polling).await;
}

impl Shared {
    /// Whether it is worth joining, as far as is known.
    fn is_open(&self) -> bool {
        let announced_its_end = |opened: &Opened| {
            let mut beside = Context::from_waker(Waker::noop());
            matches!(opened.sender.clone().poll_ready(&mut beside), Poll::Ready(Err(_)))
        };
        let ended = |opened: &Opened| opened.over.is_cancelled() || announced_its_end(opened);
        !self.suspect.load(SeqCst) && !self.opened.get().is_some_and(ended)
    }
}

impl Seat {
    /// The next seat, if one is left.
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let seats = shared.seats.load(SeqCst);
        let next = |taken| (taken < seats).then_some(taken + 1);
        let place = shared.taken.fetch_update(SeqCst, SeqCst, next).ok()?;
        Some(Self { shared: Arc::clone(shared), place })
    }

    /// Waits for the end of the connection.
    pub(crate) async fn over(&self) {
        if let Some(opened) = self.shared.opened.get() {
            opened.over.cancelled().await;
        }
    }

    /// Whether the connection has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.shared.opened.get().is_none_or(|opened| opened.over.is_cancelled())
    }

    /// The connection did not answer in time.
    pub(crate) fn suspect(&self) {
        self.shared.suspect.store(true, SeqCst);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.taken.fetch_sub(1, SeqCst);
    }
}
