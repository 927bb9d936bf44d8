//! Measures the offset of another host's clock.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use wirebench_protocol::Timestamp;

use super::clock_offset::ClockOffset;
use super::error::ClockError;
use super::exchange::{ANSWER_BYTES, Exchange, question, read_answer};

/// The most samples of a measurement. Of so many, one passes both ways without waiting in a queue,
/// unless the path is busy all the time.
const SAMPLES: usize = 64;

/// No sample is begun after this time. A path with a round trip of 200 ms yields some 15.
const SAMPLING_TIME: Duration = Duration::from_secs(3);

/// The pause between two samples, so that a short disturbance does not reach all of them.
const PAUSE: Duration = Duration::from_millis(2);

/// The time to connect, and the time that each answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the [`ClockServer`](super::ClockServer) at `address` (`host:port`) for the time again and
/// again, over a connection of its own, and returns the offset of the sample with the least round
/// trip.
///
/// What is measured is the clock of this host, without the shift of this process. It takes 3 s at
/// most, and 13 s if the server hardly answers.
pub async fn measure_offset(address: &str) -> Result<ClockOffset, ClockError> {
    measure_from(address, Timestamp::host_now).await
}

/// Measures the offset from this clock.
pub(super) async fn measure_from(
    address: &str,
    clock: impl Fn() -> Timestamp,
) -> Result<ClockOffset, ClockError> {
    let connecting = async {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    };
    let mut socket = within_timeout(address, connecting).await?;
    let (start, mut best) = (Instant::now(), sample(address, &mut socket, &clock).await?);
    for _ in 1..SAMPLES {
        if start.elapsed() > SAMPLING_TIME {
            break;
        }
        sleep(PAUSE).await;
        let next = sample(address, &mut socket, &clock).await?;
        best = if next.round_trip < best.round_trip { next } else { best };
    }
    Ok(best)
}

/// Asks once.
async fn sample(
    address: &str,
    socket: &mut TcpStream,
    clock: impl Fn() -> Timestamp,
) -> Result<ClockOffset, ClockError> {
    let asking = async {
        let client_sent = clock();
        socket.write_all(&question(client_sent)).await?;
        let mut bytes = [0; ANSWER_BYTES];
        socket.read_exact(&mut bytes).await?;
        Ok((client_sent, bytes, clock()))
    };
    let (client_sent, bytes, client_received) = within_timeout(address, asking).await?;
    let [asked, server_received, server_sent] =
        read_answer(&bytes).ok_or_else(|| ClockError::Foreign { address: address.to_owned() })?;
    let exchange = Exchange { client_sent, server_received, server_sent, client_received };
    exchange
        .offset()
        .filter(|_| asked == client_sent)
        .ok_or_else(|| ClockError::Contradiction { address: address.to_owned() })
}

async fn within_timeout<T>(
    address: &str,
    step: impl Future<Output = std::io::Result<T>>,
) -> Result<T, ClockError> {
    let address = || address.to_owned();
    timeout(TIMEOUT, step)
        .await
        .map_err(|_| ClockError::Silent { address: address(), within: TIMEOUT })?
        .map_err(|source| ClockError::Connection { address: address(), source })
}
