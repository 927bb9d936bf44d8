//! The sessions of Engine.IO: what our side of each knows, and their limit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use parking_lot::Mutex;
pub(super) use socketioxide_core::Sid as SessionId;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::window::EventWindow;

/// The open sessions.
///
/// A session lives in the library, which keeps the extensions of the request that opened it; one of
/// them is the [`Session`]. When the library drops its session, the last handle is dropped, and the
/// session is counted out.
#[derive(Debug)]
pub(super) struct SessionTable {
    capacity: usize,
    open: AtomicUsize,
    /// The sessions that further requests may name.
    by_id: Mutex<HashMap<SessionId, Weak<Session>>>,
}

/// One session, over any number of requests and at most one WebSocket.
pub(super) struct Session {
    table: Arc<SessionTable>,
    engine: Weak<Engine>,
    /// Unset for a session that began with a WebSocket: no request names it.
    id: OnceLock<SessionId>,
    /// The token of the opening request, if it brought one.
    pub(super) headers: HeaderMap,
    /// The ticket in the address of the opening request.
    pub(super) ticket: Option<String>,
    /// The events that the client has not taken yet.
    pub(super) window: EventWindow,
    /// The number of feeds that are followed.
    pub(super) subscriptions: AtomicUsize,
    /// The session goes on over a WebSocket, or is about to.
    upgraded: AtomicBool,
    /// Cancelled when the server ends the session.
    closing: CancellationToken,
}

impl SessionTable {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, open: AtomicUsize::new(0), by_id: Mutex::default() })
    }

    /// Returns a new session; `None` if there are too many.
    pub(super) fn open(
        self: &Arc<Self>,
        engine: &Arc<Engine>,
        headers: &HeaderMap,
        ticket: Option<String>,
    ) -> Option<Arc<Session>> {
        let more = |open: usize| (open < self.capacity).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        let token = headers.get(AUTHORIZATION).cloned();
        Some(Arc::new(Session {
            table: Arc::clone(self),
            engine: Arc::downgrade(engine),
            id: OnceLock::new(),
            headers: token.map(|token| (AUTHORIZATION, token)).into_iter().collect(),
            ticket,
            window: EventWindow::default(),
            subscriptions: AtomicUsize::new(0),
            upgraded: AtomicBool::new(false),
            closing: CancellationToken::new(),
        }))
    }

    /// Returns the session that a request names; `None` if there is none.
    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        self.by_id.lock().get(&id)?.upgrade()
    }
}

impl Session {
    /// Lets requests name the session.
    pub(super) fn set_id(self: &Arc<Self>, id: SessionId) {
        if self.id.set(id).is_ok() {
            self.table.by_id.lock().insert(id, Arc::downgrade(self));
        }
    }

    /// Returns true if the caller may upgrade the session: the first one may.
    pub(super) fn begin_upgrade(&self) -> bool {
        !self.upgraded.swap(true, Ordering::AcqRel)
    }

    /// Returns true if the session follows a feed.
    pub(super) fn has_subscriptions(&self) -> bool {
        self.subscriptions.load(Ordering::Acquire) > 0
    }

    /// Returns true if the server has ended the session.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Completes when the server ends the session.
    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Ends the session. The client is told in the answer to its poll, or its WebSocket is closed.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.end_polling().await;
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

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(id) = self.id.get() {
            self.table.by_id.lock().remove(id);
        }
        self.table.open.fetch_sub(1, Ordering::Relaxed);
    }
}
