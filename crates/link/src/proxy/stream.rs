//! Proxies that pass bytes on and know nothing of HTTP.

use std::io;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::DelayLine;

/// What is read in one go.
const PIECE: usize = 16 << 10;

/// A narrow link lets this many pieces through each second, so that none of them takes long.
const PIECES_PER_SECOND: usize = 50;

/// Passes bytes on until nothing was sent either way for `idle`; then both sides are dropped.
pub(super) async fn idle_cut(
    mut client: TcpStream,
    mut server: TcpStream,
    idle: Duration,
) -> io::Result<()> {
    let busy = Busy(Mutex::new(Instant::now()));
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let both = async {
        tokio::try_join!(
            pump(from_client, to_server, PIECE, Gate::Watched(&busy)),
            pump(from_server, to_client, PIECE, Gate::Watched(&busy))
        )
    };
    let idling = async {
        while busy.until(idle) > Instant::now() {
            sleep_until(busy.until(idle)).await;
        }
    };
    tokio::select! {
        ended = both => ended.map(|_| ()),
        () = idling => Ok(()),
    }
}

/// Passes bytes on later, and no faster than `bandwidth` bytes per second each way.
pub(super) async fn slow(
    mut client: TcpStream,
    server: TcpStream,
    delay: Duration,
    bandwidth: Option<usize>,
) -> io::Result<()> {
    // Both halves are polled by this task, as a delay line asks for.
    let (from_server, to_server) = tokio::io::split(DelayLine::new(server, move || delay));
    let (from_client, to_client) = client.split();
    let piece = bandwidth.map_or(PIECE, |bytes| (bytes / PIECES_PER_SECOND).clamp(1, PIECE));
    tokio::try_join!(
        pump(from_client, to_server, piece, Gate::narrow(bandwidth)),
        pump(from_server, to_client, piece, Gate::narrow(bandwidth))
    )?;
    Ok(())
}

/// When something was last sent either way.
struct Busy(Mutex<Instant>);

impl Busy {
    fn until(&self, idle: Duration) -> Instant {
        *self.0.lock() + idle
    }

    fn touch(&self) {
        *self.0.lock() = Instant::now();
    }
}

/// What each piece passes.
enum Gate<'a> {
    /// It is noted that there was one.
    Watched(&'a Busy),
    /// It takes its time.
    Narrow {
        /// Bytes per second; `None` for no limit.
        bandwidth: Option<usize>,
        /// When the last byte of the pieces so far has gone through.
        free: Instant,
    },
}

impl Gate<'_> {
    fn narrow(bandwidth: Option<usize>) -> Self {
        Self::Narrow { bandwidth, free: Instant::now() }
    }

    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^53")]
    async fn pass(&mut self, bytes: usize) {
        match self {
            Self::Watched(busy) => busy.touch(),
            Self::Narrow { bandwidth: None, .. } => {}
            Self::Narrow { bandwidth: Some(bandwidth), free } => {
                let takes = Duration::from_secs_f64(bytes as f64 / *bandwidth as f64);
                *free = (*free).max(Instant::now()) + takes;
                sleep_until(*free).await;
            }
        }
    }
}

/// Passes bytes on until their end, which is passed on too. Nothing more is read while a piece is at the
/// gate, so that nothing queues here.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    piece: usize,
    mut gate: Gate<'_>,
) -> io::Result<()> {
    let mut buffer = vec![0; piece];
    loop {
        let read = from.read(&mut buffer).await?;
        gate.pass(read).await;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
    }
}
