//! What the threads of a bare fan-out do: one writes messages, the other reads them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFlags, epoll};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use super::plan::FanOutPlan;
use super::waiting::{is_temporary, time_until, timed_out, timespec_until, wait_until_ready};

/// The pause before each message. The server of a run rests between two messages as well. Without a
/// rest, caches are warmer and cores more awake than in a run.
const PAUSE: Duration = Duration::from_millis(10);

/// The messages at the beginning that are written and not counted: a connection comes to its full
/// speed with them.
const WARM_UP_MESSAGES: u32 = 3;

/// The number of sockets that a reading thread is told of at once.
const EVENTS: usize = 1_024;

/// The number of bytes that a reading thread takes from a socket at once.
const READ_BUFFER_BYTES: usize = 64 << 10;

/// What one thread wrote.
pub(super) struct WriterCost {
    pub(super) connections: u64,
    /// The processor time that each message took.
    pub(super) cpu_of_messages: Vec<Duration>,
}

impl WriterCost {
    pub(super) fn messages(&self) -> u64 {
        self.cpu_of_messages.len() as u64
    }
}

/// Writes all messages, and returns what each of them took.
pub(super) fn write_messages(
    connections: &[TcpStream],
    plan: &FanOutPlan,
    was_read: &Receiver<()>,
    deadline: Instant,
) -> io::Result<WriterCost> {
    let message = vec![b'x'; plan.payload_bytes];
    let mut cpu_of_messages = Vec::new();
    for at in 0..WARM_UP_MESSAGES + plan.messages {
        thread::sleep(PAUSE);
        let before = cpu_of_this_thread()?;
        for connection in connections {
            write_whole(connection, &message, deadline)?;
        }
        let after = cpu_of_this_thread()?;
        was_read.recv_timeout(time_until(deadline)?).map_err(|_| timed_out())?;
        if at >= WARM_UP_MESSAGES {
            cpu_of_messages.push(after.saturating_sub(before));
        }
    }
    Ok(WriterCost { connections: connections.len() as u64, cpu_of_messages })
}

/// Writes a message with one call, unless it is too long for the buffer of the socket.
fn write_whole(mut connection: &TcpStream, message: &[u8], deadline: Instant) -> io::Result<()> {
    let mut rest = message;
    while !rest.is_empty() {
        match connection.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait_until_ready(connection, PollFlags::OUT, deadline)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads all messages. Sends to `all_read` when all connections have one. Ends early if the writing
/// thread does, which reports why.
pub(super) fn read_messages(
    connections: &[TcpStream],
    plan: &FanOutPlan,
    all_read: &SyncSender<()>,
    deadline: Instant,
) -> io::Result<()> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (place, connection) in (0..).zip(connections) {
        epoll::add(&epoll, connection, epoll::EventData::new_u64(place), epoll::EventFlags::IN)?;
    }
    let mut events = Vec::with_capacity(EVENTS);
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    for _ in 0..WARM_UP_MESSAGES + plan.messages {
        let mut missing = connections.len() * plan.payload_bytes;
        while missing > 0 {
            events.clear();
            let timeout = timespec_until(deadline)?;
            match epoll::wait(&epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let place = usize::try_from(event.data.u64()).ok();
                let Some(mut connection) = place.and_then(|place| connections.get(place)) else {
                    continue;
                };
                match connection.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(read) => missing = missing.saturating_sub(read),
                    Err(error) if is_temporary(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if all_read.send(()).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the processor time of the calling thread so far, user and system.
fn cpu_of_this_thread() -> io::Result<Duration> {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).map_err(io::Error::other)
}
