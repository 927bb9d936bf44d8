//! A server whose clock is paused and moves only when a test moves it.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wirebench_server::Feed;

use super::{Bench, TIMEOUT};

/// A server on a thread and with a clock of its own. Unless a test moves the clock, no hold ends,
/// and neither a heartbeat nor a ping is sent.
#[derive(Debug)]
pub(crate) struct PausedServer {
    pub(crate) address: SocketAddr,
    pub(crate) feed: Feed,
    moves: tokio::sync::mpsc::UnboundedSender<Duration>,
}

impl PausedServer {
    /// Starts a server with one feed that keeps `window` messages. It ends when this is dropped.
    pub(crate) fn start(window: usize) -> Self {
        let (moves, mut to_move) = tokio::sync::mpsc::unbounded_channel();
        let (told, started) = mpsc::channel();
        thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime =
                runtime.enable_all().start_paused(true).build().expect("a runtime can be built");
            runtime.block_on(async {
                // While a blocking task runs, a paused clock does not move by itself.
                let (end, ended) = mpsc::channel::<()>();
                let blocking = tokio::task::spawn_blocking(move || ended.recv());
                let bench = Bench::start(window);
                told.send((bench.address, bench.feed.clone())).expect("the test waits for it");
                while let Some(by) = to_move.recv().await {
                    tokio::time::advance(by).await;
                }
                drop(end);
                let _ = blocking.await;
            });
        });
        let (address, feed) = started.recv_timeout(TIMEOUT).expect("the server starts");
        Self { address, feed, moves }
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.moves.send(by).expect("the server runs until this is dropped");
    }
}
