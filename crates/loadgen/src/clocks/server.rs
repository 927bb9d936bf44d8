//! Answers the question for the time of this host's clock.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use wirebench_protocol::Timestamp;

use super::exchange::{QUESTION_BYTES, answer, read_question};

/// The maximum number of connections. Later ones wait in the backlog of the listener until one ends.
pub(super) const MAX_CONNECTIONS: usize = 256;

/// The time after which a connection ends, whatever it does. A measurement takes less.
const CONNECTION_TIME: Duration = Duration::from_secs(20);

/// How long to wait when the system has no file for another connection.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// A server that tells the time of this process's clock, for
/// [`measure_offset`](super::measure_offset).
///
/// It answers in plain binary frames over TCP and knows no secret. Dropping it ends it and all of
/// its connections.
#[derive(Debug)]
pub struct ClockServer {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl ClockServer {
    /// Starts a server on this listener, within the runtime of the caller.
    pub fn start(listener: TcpListener) -> io::Result<Self> {
        Self::with_clock(listener, Timestamp::now)
    }

    /// Starts a server that tells the time of this clock.
    pub(super) fn with_clock(
        listener: TcpListener,
        clock: impl Fn() -> Timestamp + Copy + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let task = AbortOnDropHandle::new(tokio::spawn(serve(listener, clock)));
        Ok(Self { address, _task: task })
    }

    /// Returns the address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(
    listener: TcpListener,
    clock: impl Fn() -> Timestamp + Copy + Send + Sync + 'static,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(timeout(CONNECTION_TIME, answer_questions(socket, clock)));
                }
                Err(_) => sleep(RETRY_DELAY).await,
            },
            // Nobody needs to know how a connection ended, but its task has to be removed.
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers each question of a connection, until it ends or something else than a question comes.
async fn answer_questions(mut socket: TcpStream, clock: impl Fn() -> Timestamp) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut bytes = [0; QUESTION_BYTES];
    loop {
        socket.read_exact(&mut bytes).await?;
        let received = clock();
        let Some(asked) = read_question(&bytes) else { return Ok(()) };
        socket.write_all(&answer(asked, received, clock())).await?;
    }
}
