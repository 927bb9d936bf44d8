//! Tables in memory whose answers a test decides.

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use wirebench_protocol::{Epoch, Seq};

use crate::error::StoreError;
use crate::message::{Appended, FeedNewest, KeptRange, NewMessage, StoredMessage};
use crate::options::Retention;
use crate::tables::{Answer, ChangeListener, FeedId, Tables, TrimmedPiece};

/// Tables of one feed. Only the numbers of its messages are kept.
#[derive(Debug)]
pub(crate) struct FakeTables {
    /// One permit for each append that may end.
    permits: Semaphore,
    /// Told when an append waits for a permit.
    waits: Notify,
    state: Mutex<FakeState>,
}

#[derive(Debug, Default)]
struct FakeState {
    newest: Seq,
    appends: u64,
    /// From which append on they fail, and how.
    failure: Option<(u64, StoreError)>,
    /// How many pieces there are to trim.
    to_trim: u64,
    trimmed: u64,
}

impl Default for FakeTables {
    fn default() -> Self {
        Self { permits: Semaphore::new(0), waits: Notify::new(), state: Mutex::default() }
    }
}

impl FakeTables {
    /// Allows this many appends to end.
    pub(crate) fn allow(&self, appends: usize) {
        self.permits.add_permits(appends);
    }

    pub(crate) async fn until_an_append_waits(&self) {
        self.waits.notified().await;
    }

    /// Has appends fail once this many have ended.
    pub(crate) fn fail_from(&self, appends: u64, error: StoreError) {
        self.state.lock().failure = Some((appends, error));
    }

    pub(crate) fn leave_to_trim(&self, pieces: u64) {
        self.state.lock().to_trim = pieces;
    }

    /// Returns how often the tables were trimmed.
    pub(crate) fn trimmed(&self) -> u64 {
        self.state.lock().trimmed
    }
}

impl Tables for FakeTables {
    fn feed<'a>(&'a self, _name: &'a str, epoch: Epoch) -> Answer<'a, (FeedId, Epoch)> {
        async move { Ok((FeedId(1), epoch)) }.boxed()
    }

    fn remove_piece<'a>(&'a self, _feed: &'a str) -> Answer<'a, bool> {
        async { Ok(false) }.boxed()
    }

    fn append<'a>(&'a self, _: FeedId, messages: &'a [NewMessage]) -> Answer<'a, Vec<Appended>> {
        async move {
            self.waits.notify_one();
            self.permits.acquire().await.expect("it is never closed").forget();
            let mut state = self.state.lock();
            state.appends += 1;
            match &state.failure {
                Some((from, error)) if state.appends > *from => return Err(error.clone()),
                _ => {}
            }
            let first = state.newest + 1;
            state.newest += messages.len() as u64;
            Ok((first..=state.newest).map(|seq| Appended::New { seq }).collect())
        }
        .boxed()
    }

    fn read(&self, _: FeedId, _: Seq, _: u32, _: u64) -> Answer<'_, Vec<StoredMessage>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn range(&self, _: FeedId) -> Answer<'_, KeptRange> {
        async { Ok(KeptRange { oldest: 1, newest: self.state.lock().newest }) }.boxed()
    }

    fn trim(&self, _: FeedId, _: Retention) -> Answer<'_, TrimmedPiece> {
        async {
            let mut state = self.state.lock();
            state.trimmed += 1;
            let more = state.to_trim > 0;
            state.to_trim = state.to_trim.saturating_sub(1);
            Ok(TrimmedPiece { messages: u64::from(more), more })
        }
        .boxed()
    }

    fn newest_of_all(&self) -> Answer<'_, Vec<FeedNewest>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn can_listen(&self) -> bool {
        false
    }

    fn listen(&self) -> Answer<'_, Box<dyn ChangeListener>> {
        async { unreachable!("these tables cannot tell") }.boxed()
    }
}
