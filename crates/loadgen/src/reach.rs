//! The server as the crowd's driver reaches it: its control API, through all of its lives.

use std::sync::{Mutex, MutexGuard, PoisonError};

use wirebench_measure::ExpectedRange;
use wirebench_protocol::control::{CountWindow, Publisher, Usage, WindowCount};

use crate::control::{Control, ControlError};

/// The control API of a server that may go away and come back.
///
/// What a life of the server has used and counted is read just before it ends, and added to what the next
/// one says: so the counters only ever grow, as far as is known.
#[derive(Debug)]
pub(crate) struct Reach {
    feed: String,
    /// Locked for the time of a copy, never while a call is under way.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    control: Control,
    /// The server stands still or is gone: it is not asked.
    away: bool,
    /// Whether it will go away: then a call may fail.
    may_go: bool,
    /// A publisher is at work.
    publishing: bool,
    /// What former lives had used and published.
    before: Before,
    /// What former lives owe: their messages in the window.
    lives: Vec<WindowCount>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Before {
    cpu_ns: u64,
    rss_peak_bytes: Option<u64>,
    published: u64,
    late_publishes: u64,
}

impl Reach {
    pub(crate) fn new(control: &Control, feed: &str, may_go: bool) -> Self {
        Self {
            feed: feed.to_owned(),
            state: Mutex::new(State {
                control: control.clone(),
                away: false,
                may_go,
                publishing: false,
                before: Before::default(),
                lives: Vec::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn control(&self) -> Control {
        self.state().control.clone()
    }

    /// What the server has used, all its lives together. It has to answer.
    pub(crate) async fn usage(&self) -> Result<Usage, ControlError> {
        let usage = self.control().usage().await?;
        Ok(self.state().before.and(usage))
    }

    /// The same; `None` where the server is away or takes too long to say.
    pub(crate) async fn usage_if_there(&self) -> Result<Option<Usage>, ControlError> {
        if self.state().away {
            return Ok(None);
        }
        match self.usage().await {
            Ok(usage) => Ok(Some(usage)),
            Err(error) if error.is_timeout() || self.state().may_go => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Announces the window.
    pub(crate) async fn count(&self, window: CountWindow) -> Result<(), ControlError> {
        self.control().count(&self.feed, window).await.map(|_| ())
    }

    /// Starts a publisher.
    pub(crate) async fn start_publisher(&self, publisher: &Publisher) -> Result<(), ControlError> {
        self.control().start_publisher(&self.feed, publisher).await?;
        self.state().publishing = true;
        Ok(())
    }

    /// Stops the publisher; how many messages were published late, if it is known.
    pub(crate) async fn stop_publisher(&self) -> Result<u64, ControlError> {
        if !std::mem::take(&mut self.state().publishing) {
            return Ok(self.state().before.late_publishes);
        }
        let report = self.control().stop_publisher(&self.feed).await?;
        Ok(self.state().before.late_publishes + report.late)
    }

    /// What every life of the feed published in the window, the last one included.
    pub(crate) async fn lives(&self) -> Result<Vec<WindowCount>, ControlError> {
        let last = self.counted().await?;
        let mut lives = self.state().lives.clone();
        lives.push(last);
        Ok(lives)
    }

    async fn counted(&self) -> Result<WindowCount, ControlError> {
        self.control().counted(&self.feed).await
    }

    /// The server is about to stand still, or to end: where it ends, what it has counted is kept.
    pub(crate) async fn leave(&self, for_good: bool) -> Result<(), ControlError> {
        let kept = if for_good { Some((self.usage().await?, self.counted().await?)) } else { None };
        let mut state = self.state();
        state.away = true;
        if let Some((usage, counted)) = kept {
            state.lives.push(counted);
            state.publishing = false;
            state.before = Before {
                cpu_ns: usage.cpu_ns,
                rss_peak_bytes: usage.rss_peak_bytes,
                published: usage.published,
                late_publishes: usage.late_publishes,
            };
        }
        Ok(())
    }

    /// The server is there again, perhaps as another process.
    pub(crate) fn come_back(&self, control: Option<Control>) {
        let mut state = self.state();
        state.away = false;
        if let Some(control) = control {
            state.control = control;
        }
    }
}

/// What a life of the feed owes its subscribers.
pub(crate) fn owed(life: &WindowCount) -> ExpectedRange {
    life.first_seq.zip(life.last_seq).map(|(first, last)| first..=last)
}

impl Before {
    fn and(self, usage: Usage) -> Usage {
        Usage {
            cpu_ns: self.cpu_ns + usage.cpu_ns,
            rss_peak_bytes: usage.rss_peak_bytes.max(self.rss_peak_bytes),
            published: self.published + usage.published,
            late_publishes: self.late_publishes + usage.late_publishes,
            ..usage
        }
    }
}
