//! The sessions of Engine.IO: what our side of each knows, and their limit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use parking_lot::Mutex;
pub(super) use socketioxide_core::Sid as SessionId;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use wirebench_protocol::Transport;

use super::engine::Engine;
use super::window::SendWindow;
pub(super) use crate::metrics::SessionCloseReason;
use crate::state::SharedState;

/// The open sessions.
///
/// A session lives in the library, which keeps the extensions of the request that opened it; one of
/// them is the [`EngineSession`]. When the library drops its session, the last handle is dropped,
/// and the session is counted out.
#[derive(Debug)]
pub(super) struct SessionTable {
    capacity: usize,
    open: AtomicUsize,
    /// The sessions that further requests may name.
    by_id: Mutex<HashMap<SessionId, Weak<EngineSession>>>,
}

/// One session, over any number of requests and at most one WebSocket.
pub(super) struct EngineSession {
    table: Arc<SessionTable>,
    server: Arc<SharedState>,
    engine: Weak<Engine>,
    /// Unset for a session that began with a WebSocket: no request names it.
    id: OnceLock<SessionId>,
    /// The token of the opening request, if it brought one.
    pub(super) headers: HeaderMap,
    /// The ticket in the address of the opening request.
    pub(super) ticket: Option<String>,
    /// What the client has not taken yet.
    pub(super) window: SendWindow,
    /// The number of feeds that are followed.
    followed: AtomicUsize,
    /// How far the session is from polling to a WebSocket.
    upgrade: AtomicU8,
    /// Wakes the poll that is held when the client probes a WebSocket.
    probed: Notify,
    /// True while a `POST` is being read.
    receiving: AtomicBool,
    /// Cancelled when the server ends the session.
    closing: CancellationToken,
    /// Unset for as long as nobody knows why the session will have ended.
    end: OnceLock<SessionCloseReason>,
}

/// The values of [`EngineSession::upgrade`].
mod upgrade {
    pub(super) const NONE: u8 = 0;
    /// A WebSocket is open.
    pub(super) const OPEN: u8 = 1;
    /// The client has tried it, and is about to leave polling.
    pub(super) const PROBED: u8 = 2;
    pub(super) const COMPLETE: u8 = 3;
}

/// An upgrade under way. The session goes on polling if it is dropped before it is complete.
pub(super) struct UpgradeAttempt<'a>(&'a EngineSession);

/// A `POST` of a session that is being read, until this is dropped.
pub(super) struct ReceivingRequest<'a>(&'a EngineSession);

/// A feed that a session follows, until its [`end`](Self::end).
#[must_use]
pub(super) struct FollowedFeed(Arc<EngineSession>);

impl SessionTable {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, open: AtomicUsize::new(0), by_id: Mutex::default() })
    }

    /// Returns a new session; `None` if there are too many.
    pub(super) fn open(
        self: &Arc<Self>,
        server: &Arc<SharedState>,
        engine: &Arc<Engine>,
        headers: &HeaderMap,
        ticket: Option<String>,
    ) -> Option<Arc<EngineSession>> {
        let more = |open: usize| (open < self.capacity).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        server.metrics.sessions.opened();
        let token = headers.get(AUTHORIZATION).cloned();
        Some(Arc::new(EngineSession {
            table: Arc::clone(self),
            server: Arc::clone(server),
            engine: Arc::downgrade(engine),
            id: OnceLock::new(),
            headers: token.map(|token| (AUTHORIZATION, token)).into_iter().collect(),
            ticket,
            window: SendWindow::default(),
            followed: AtomicUsize::new(0),
            upgrade: AtomicU8::new(upgrade::NONE),
            probed: Notify::new(),
            receiving: AtomicBool::new(false),
            closing: CancellationToken::new(),
            end: OnceLock::new(),
        }))
    }

    /// Returns the session that a request names; `None` if there is none.
    pub(super) fn get(&self, id: SessionId) -> Option<Arc<EngineSession>> {
        self.by_id.lock().get(&id)?.upgrade()
    }
}

impl EngineSession {
    /// Lets requests name the session.
    pub(super) fn set_id(self: &Arc<Self>, id: SessionId) {
        if self.id.set(id).is_ok() {
            self.table.by_id.lock().insert(id, Arc::downgrade(self));
        }
    }

    /// Begins an upgrade. Returns `None` if there is another one, or was.
    pub(super) fn begin_upgrade(&self) -> Option<UpgradeAttempt<'_>> {
        let begun = self.upgrade.compare_exchange(
            upgrade::NONE,
            upgrade::OPEN,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        begun.is_ok().then_some(UpgradeAttempt(self))
    }

    /// Completes when a poll should be answered without a packet, so that the client can leave
    /// polling: at once when the client probes a WebSocket, and after a pause for a poll that comes
    /// later. The reference server does the same in steps of the pause.
    pub(super) async fn leaves_polling(&self) {
        const PAUSE: Duration = Duration::from_millis(100);
        let probed = self.probed.notified();
        tokio::pin!(probed);
        probed.as_mut().enable();
        if self.upgrade.load(Ordering::Acquire) == upgrade::PROBED {
            sleep(PAUSE).await;
        } else {
            probed.await;
        }
    }

    /// Begins to read a `POST`. Returns `None` while another one is being read: two at a time have
    /// no order.
    pub(super) fn begin_receiving(&self) -> Option<ReceivingRequest<'_>> {
        let is_first = !self.receiving.swap(true, Ordering::AcqRel);
        is_first.then_some(ReceivingRequest(self))
    }

    /// Counts a feed that the session follows.
    pub(super) fn follow(self: &Arc<Self>) -> FollowedFeed {
        self.followed.fetch_add(1, Ordering::AcqRel);
        FollowedFeed(Arc::clone(self))
    }

    /// Says why the session ends. Only the first reason is kept.
    pub(super) fn set_end(&self, end: SessionCloseReason) {
        let _ = self.end.set(end);
    }

    /// Returns why the session ends, if that is known.
    pub(super) fn end(&self) -> Option<SessionCloseReason> {
        self.end.get().copied()
    }

    /// Returns true if the server has ended the session.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Completes when the server ends the session.
    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Called when the server stops. A session that follows a feed ends when it has read the feed
    /// to its end, any other at once.
    pub(super) async fn stopping(&self) {
        if self.followed.load(Ordering::Acquire) > 0 {
            self.closing().await;
        } else {
            self.close(SessionCloseReason::Stopped).await;
        }
    }

    /// Ends the session. The client is told in the answer to its poll, or its WebSocket is closed.
    ///
    /// A session that polls when the server stops goes on until a poll has taken what was published
    /// before.
    pub(super) async fn close(&self, end: SessionCloseReason) {
        self.set_end(end);
        self.closing.cancel();
        if end != SessionCloseReason::Stopped {
            self.end_polling().await;
        }
    }

    /// Returns true if the answer to the poll that is under way is the last one of the session.
    pub(super) fn ends_with_this_poll(&self) -> bool {
        let takes_what_is_left = self.end() == Some(SessionCloseReason::Stopped);
        self.is_closing() && !(takes_what_is_left && self.window.has_packets())
    }

    /// Ends the session in the library, unless it goes on over a WebSocket: acts as a client that
    /// sends the packet `close`.
    pub(super) async fn end_polling(&self) {
        if let (Some(engine), Some(id)) = (self.engine.upgrade(), self.id.get()) {
            // An error says that there is nothing to end.
            let _ = engine.receive(*id, Body::from("1")).await;
        }
    }
}

impl Drop for EngineSession {
    fn drop(&mut self) {
        if let Some(id) = self.id.get() {
            self.table.by_id.lock().remove(id);
        }
        self.table.open.fetch_sub(1, Ordering::Relaxed);
        let end = self.end().unwrap_or(SessionCloseReason::NoNamespace);
        self.server.metrics.sessions.closed(end);
        if end == SessionCloseReason::SlowReader {
            let transport = Transport::SocketIo.name();
            tracing::warn!(transport, "a reader that took nothing for too long was dropped");
        }
    }
}

impl UpgradeAttempt<'_> {
    /// Called when the client has tried the WebSocket: the poll that is held is answered.
    pub(super) fn probed(&self) {
        self.0.upgrade.store(upgrade::PROBED, Ordering::Release);
        self.0.probed.notify_waiters();
    }

    /// Called when the client leaves polling.
    pub(super) fn complete(self) {
        self.0.upgrade.store(upgrade::COMPLETE, Ordering::Release);
    }
}

impl Drop for UpgradeAttempt<'_> {
    fn drop(&mut self) {
        if self.0.upgrade.load(Ordering::Acquire) != upgrade::COMPLETE {
            self.0.upgrade.store(upgrade::NONE, Ordering::Release);
        }
    }
}

impl Drop for ReceivingRequest<'_> {
    fn drop(&mut self) {
        self.0.receiving.store(false, Ordering::Release);
    }
}

impl FollowedFeed {
    /// The session no longer follows the feed. Returns true if it follows no other.
    pub(super) fn end(self) -> bool {
        self.0.followed.fetch_sub(1, Ordering::AcqRel) == 1
    }
}
