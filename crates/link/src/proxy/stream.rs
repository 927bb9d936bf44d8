//! Proxies that pass bytes on and know nothing of HTTP.

use std::io;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::DelayLine;

/// The number of bytes that are read at once.
const PIECE_BYTES: usize = 16 << 10;

/// The number of pieces that a link of limited bandwidth passes on each second, so that none of
/// them takes long.
const PIECES_PER_SECOND: usize = 50;

/// Passes bytes on until nothing was sent either way for `idle`. Then both sides are dropped.
pub(super) async fn idle_cut(
    mut client: TcpStream,
    mut server: TcpStream,
    idle: Duration,
) -> io::Result<()> {
    let last_piece = Mutex::new(Instant::now());
    let deadline = || *last_piece.lock() + idle;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let both = async {
        tokio::try_join!(
            pump(from_client, to_server, PIECE_BYTES, EachPiece::IsNoted(&last_piece)),
            pump(from_server, to_client, PIECE_BYTES, EachPiece::IsNoted(&last_piece))
        )
    };
    let idling = async {
        while deadline() > Instant::now() {
            sleep_until(deadline()).await;
        }
    };
    tokio::select! {
        ended = both => ended.map(|_| ()),
        () = idling => Ok(()),
    }
}

/// Passes bytes on after `delay`, and no faster than `bandwidth` bytes per second each way.
pub(super) async fn slow(
    mut client: TcpStream,
    server: TcpStream,
    delay: Duration,
    bandwidth: Option<usize>,
) -> io::Result<()> {
    // Both halves are polled by this task, as a delay line requires.
    let (from_server, to_server) = tokio::io::split(DelayLine::new(server, move || delay));
    let (from_client, to_client) = client.split();
    let piece =
        bandwidth.map_or(PIECE_BYTES, |bytes| (bytes / PIECES_PER_SECOND).clamp(1, PIECE_BYTES));
    let limited = || EachPiece::IsDelayed { bandwidth, free: Instant::now() };
    tokio::try_join!(
        pump(from_client, to_server, piece, limited()),
        pump(from_server, to_client, piece, limited())
    )?;
    Ok(())
}

/// What happens to each piece before it is written.
enum EachPiece<'a> {
    /// Its time is noted.
    IsNoted(&'a Mutex<Instant>),
    /// It waits until the pieces before it, and its own bytes, have passed at this bandwidth.
    IsDelayed {
        /// Bytes per second; `None` for no limit.
        bandwidth: Option<usize>,
        /// When the last byte of the pieces so far has passed.
        free: Instant,
    },
}

impl EachPiece<'_> {
    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^53")]
    async fn pass(&mut self, bytes: usize) {
        match self {
            Self::IsNoted(last_piece) => *last_piece.lock() = Instant::now(),
            Self::IsDelayed { bandwidth: None, .. } => {}
            Self::IsDelayed { bandwidth: Some(bandwidth), free } => {
                let takes = Duration::from_secs_f64(bytes as f64 / *bandwidth as f64);
                *free = (*free).max(Instant::now()) + takes;
                sleep_until(*free).await;
            }
        }
    }
}

/// Passes bytes on until their end, and then passes on the end. Nothing more is read until a piece
/// is written, so that nothing queues here.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    piece: usize,
    mut each_piece: EachPiece<'_>,
) -> io::Result<()> {
    let mut buffer = vec![0; piece];
    loop {
        let read = from.read(&mut buffer).await?;
        each_piece.pass(read).await;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
    }
}
