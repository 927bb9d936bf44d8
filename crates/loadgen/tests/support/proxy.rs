//! A TCP proxy that counts bytes, pauses and cuts connections.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Stands between subscribers and a server.
#[derive(Debug)]
pub(crate) struct TestProxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _end: tokio_util::sync::DropGuard,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    /// The bytes that it passed on, to the server and to the subscribers.
    up: AtomicU64,
    down: AtomicU64,
    accepted: AtomicU64,
    open: AtomicU64,
    closed: AtomicU64,
    peak: AtomicU64,
    paused: watch::Sender<bool>,
    /// Cancelling it cuts the open connections. Later ones belong to the next token.
    cut: Mutex<CancellationToken>,
    /// The number of bytes to the subscriber after which each connection is cut. Later connections
    /// are not cut.
    budgets: Vec<u64>,
}

impl TestProxy {
    /// Starts a proxy to `upstream` that passes everything on.
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        Self::cutting(upstream, Vec::new())
    }

    /// Starts a proxy that cuts its first connection after the first of these numbers of bytes to
    /// the subscriber, the second after the second, and does not cut connections after the last
    /// number. So it cuts in the middle of whatever is under way.
    pub(crate) fn cutting(upstream: SocketAddr, budgets: Vec<u64>) -> Self {
        let listener = super::listen();
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            upstream,
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            paused: watch::Sender::new(false),
            cut: Mutex::default(),
            budgets,
        });
        let end = CancellationToken::new();
        let accepting =
            end.clone().run_until_cancelled_owned(accept(listener, Arc::clone(&shared)));
        tokio::spawn(accepting);
        Self { address, shared, _end: end.drop_guard() }
    }

    /// Cuts every connection that is open.
    pub(crate) fn cut(&self) {
        let mut cut = self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *cut).cancel();
    }

    /// Passes nothing on until it is resumed. Nothing is lost.
    pub(crate) fn pause(&self) {
        self.shared.paused.send_replace(true);
    }

    /// Passes on what has accumulated, and what comes.
    pub(crate) fn resume(&self) {
        self.shared.paused.send_replace(false);
    }

    /// Returns the bytes passed on to the server and to the subscribers.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.shared.up.load(SeqCst), self.shared.down.load(SeqCst))
    }

    /// Returns the number of connections accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.accepted.load(SeqCst)
    }

    /// Returns the number of connections open now.
    pub(crate) fn open(&self) -> u64 {
        self.shared.open.load(SeqCst)
    }

    /// Returns the number of connections that have ended.
    pub(crate) fn closed(&self) -> u64 {
        self.shared.closed.load(SeqCst)
    }

    /// Returns the maximum number of connections that were open at the same time.
    pub(crate) fn peak(&self) -> u64 {
        self.shared.peak.load(SeqCst)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let place = shared.accepted.fetch_add(1, SeqCst);
        let open = shared.open.fetch_add(1, SeqCst) + 1;
        shared.peak.fetch_max(open, SeqCst);
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let budget = shared.budgets.get(place).copied().unwrap_or(u64::MAX);
        let cut = shared.cut.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                // Drops both sockets, with everything that they still hold.
                let _ = cut.run_until_cancelled(connection(client, budget, &shared)).await;
                shared.open.fetch_sub(1, SeqCst);
                shared.closed.fetch_add(1, SeqCst);
            }
        });
    }
}

async fn connection(client: TcpStream, budget: u64, shared: &Shared) -> io::Result<()> {
    let server = TcpStream::connect(shared.upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // The first error ends both directions: a cut, or a reset by a peer.
    tokio::try_join!(
        pump(from_client, to_server, &shared.up, u64::MAX, shared),
        pump(from_server, to_client, &shared.down, budget, shared),
    )?;
    Ok(())
}

/// Passes bytes on until the end of the stream, which is passed on too, or until the budget is used
/// up.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    passed: &AtomicU64,
    mut budget: u64,
    shared: &Shared,
) -> io::Result<()> {
    let mut pause = shared.paused.subscribe();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        pause.wait_for(|paused| !paused).await.map_err(io::Error::other)?;
        if read == 0 {
            return to.shutdown().await;
        }
        let within_budget = usize::try_from(budget).unwrap_or(usize::MAX).min(read);
        to.write_all(&buffer[..within_budget]).await?;
        passed.fetch_add(within_budget as u64, SeqCst);
        budget -= within_budget as u64;
        if budget == 0 {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}
