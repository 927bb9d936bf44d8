//! A server whose clock moves only when it is told to.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wirebench_server::Feed;

use super::{Bench, PATIENCE};

/// A server on a thread and with a clock of its own. As long as nobody moves the clock, no hold ends, and
/// neither a heartbeat nor a ping is sent.
#[derive(Debug)]
pub(crate) struct Clockwork {
    pub(crate) address: SocketAddr,
    pub(crate) feed: Feed,
    moves: tokio::sync::mpsc::UnboundedSender<Duration>,
}

impl Clockwork {
    /// Starts a server with one feed that keeps `window` messages. It ends when this is dropped.
    pub(crate) fn start(window: usize) -> Self {
        let (moves, mut to_move) = tokio::sync::mpsc::unbounded_channel();
        let (told, started) = mpsc::channel();
        thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime =
                runtime.enable_all().start_paused(true).build().expect("a runtime can be built");
            runtime.block_on(async {
                // While anything blocks, a clock that stands does not move by itself.
                let (end, ended) = mpsc::channel::<()>();
                let blocking = tokio::task::spawn_blocking(move || ended.recv());
                let bench = Bench::start(window);
                told.send((bench.address, bench.feed.clone())).expect("somebody waits for it");
                while let Some(by) = to_move.recv().await {
                    tokio::time::advance(by).await;
                }
                drop(end);
                let _ = blocking.await;
            });
        });
        let (address, feed) = started.recv_timeout(PATIENCE).expect("the server starts");
        Self { address, feed, moves }
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.moves.send(by).expect("the server goes on until this is dropped");
    }
}
