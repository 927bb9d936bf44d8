//! What the workers and subscribers of a crowd share.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wirebench_measure::{Recorder, Sequence, SubscriberOutcome, Window};
use wirebench_protocol::Timestamp;
use wirebench_scenario::Run;

use super::part::{CrowdShare, PartStatus};
use crate::http::HttpClient;
use crate::target::Target;

/// The part of the crowd that one worker runs.
pub(super) struct WorkerShare {
    pub(super) run: Arc<Run>,
    pub(super) target: Target,
    pub(super) client: Arc<HttpClient>,
    /// The subscribers of this process.
    pub(super) share: CrowdShare,
    /// The number of the worker. It runs the subscribers of the ranks `index`, `index + workers`, and
    /// so on, of those of this process.
    pub(super) index: usize,
    /// How many workers there are.
    pub(super) workers: usize,
    /// When the ramp begins.
    pub(super) start: Instant,
    /// The number of the host whose probes the subscribers recognise. `None`: there are no probes.
    pub(super) probe_host: Option<u64>,
    /// Locked when a subscription begins or ends, not when a message arrives.
    pub(super) status: Arc<watch::Sender<PartStatus>>,
    /// Cancelled at the end.
    pub(super) stop: CancellationToken,
}

impl WorkerShare {
    /// Returns when the subscriber of this rank starts.
    pub(super) fn starts_at(&self, rank: usize) -> Instant {
        self.start + self.share.place_in(self.run.ramp, rank)
    }
}

/// What the subscribers of one worker share. Only the thread of the worker uses it.
pub(super) struct WorkerState {
    pub(super) recorder: RefCell<Recorder>,
    /// What the subscribers that stop reading see. Their delays mean nothing.
    pub(super) stalled: RefCell<Recorder>,
    pub(super) window: Cell<Option<Window>>,
    /// True while the subscribers that are chosen for it do not read.
    pub(super) stall: watch::Sender<bool>,
    /// True while the subscribers that send do so.
    pub(super) sending: watch::Sender<bool>,
}

impl WorkerState {
    pub(super) fn new() -> Self {
        Self {
            recorder: RefCell::new(Recorder::new()),
            stalled: RefCell::new(Recorder::new()),
            window: Cell::new(None),
            stall: watch::Sender::new(false),
            sending: watch::Sender::new(false),
        }
    }

    /// Begins to count what is published in this window.
    pub(super) fn open_window(&self, window: Window) {
        self.window.set(Some(window));
        self.recorder.borrow_mut().forget_window();
        self.stalled.borrow_mut().forget_window();
    }

    /// Returns what was seen since the last call.
    pub(super) fn take_recorder(&self) -> Recorder {
        let mut seen = self.recorder.replace(Recorder::new());
        seen.merge(&self.stalled.replace(Recorder::new()).without_delays());
        seen
    }
}

/// What a subscriber and its worker share.
#[derive(Default)]
pub(super) struct SubscriberState {
    /// Which messages it has seen.
    pub(super) sequence: RefCell<Sequence>,
    /// It has been subscribed at least once.
    pub(super) was_subscribed: Cell<bool>,
    pub(super) is_subscribed: Cell<bool>,
    /// When it was interrupted. `None` while it is subscribed, and before it ever was.
    away_since: Cell<Option<Timestamp>>,
    /// When the fault began that may interrupt it.
    pub(super) fault_time: Cell<Option<Timestamp>>,
    /// Cuts its connection.
    pub(super) cut: Notify,
}

impl SubscriberState {
    /// Returns the state of a subscriber that has not begun. `addressed` says whether some messages
    /// are not for it.
    pub(super) fn new(addressed: bool) -> Self {
        let sequence = if addressed { Sequence::addressed() } else { Sequence::default() };
        Self { sequence: RefCell::new(sequence), ..Self::default() }
    }

    pub(super) fn outcome(&self) -> SubscriberOutcome {
        SubscriberOutcome {
            sequence: self.sequence.borrow().clone(),
            subscribed: self.is_subscribed.get(),
        }
    }

    /// Called when it is subscribed. Returns whether it was before, and when it was interrupted.
    pub(super) fn subscribed(&self) -> (bool, Option<Timestamp>) {
        self.is_subscribed.set(true);
        (self.was_subscribed.replace(true), self.away_since.take())
    }

    /// Called when its subscription ended or could not be opened. Returns whether it was
    /// subscribed.
    pub(super) fn interrupted(&self) -> bool {
        let was_subscribed = self.is_subscribed.take();
        if was_subscribed {
            let since = self.fault_time.take().unwrap_or_else(Timestamp::now);
            self.away_since.set(Some(since));
        }
        was_subscribed
    }
}
