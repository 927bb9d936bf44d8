//! The floor of a fan-out: what it costs this machine, at this moment, to write one message to each
//! of many connections without any protocol. The cost of a server is given in multiples of it as
//! well, because microseconds carry over neither to another machine nor to another hour of the same.

mod connections;
mod messages;
mod plan;
mod waiting;

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;

use self::connections::SocketPairs;
use self::messages::{WriterCost, read_messages, write_messages};
pub(crate) use self::plan::{FanOutPlan, files_for, most_connections};
use self::waiting::TIMEOUT;

/// What a bare fan-out cost.
#[derive(Clone, Debug)]
pub(crate) struct FanOutCost {
    /// The number of writes that were measured: one for each message and connection.
    pub(crate) writes: u64,
    /// The processor time of the writing threads, user and system, divided by the writes.
    pub(crate) cpu_per_write: Duration,
    /// The same for each message and thread, lowest first.
    of_messages: Vec<Duration>,
}

impl FanOutCost {
    /// Returns the first and the third quartile: half of the messages took as long per write as
    /// these, or something in between.
    pub(crate) fn quartiles(&self) -> (Duration, Duration) {
        let last = self.of_messages.len().saturating_sub(1);
        let at = |place: usize| self.of_messages.get(place).copied().unwrap_or(self.cpu_per_write);
        (at(last / 4), at(last - last / 4))
    }

    fn of(shares: &[WriterCost]) -> anyhow::Result<Self> {
        let writes: u64 = shares.iter().map(|share| share.connections * share.messages()).sum();
        let cpu: Duration = shares.iter().flat_map(|share| &share.cpu_of_messages).sum();
        let cpu_per_write = divided(cpu, writes).filter(|cpu| !cpu.is_zero()).context(
            "cannot measure the floor: the clock of a thread's processor time stood still",
        )?;
        let of_share = |share: &WriterCost| -> Vec<Duration> {
            let writes = share.connections;
            share.cpu_of_messages.iter().filter_map(move |cpu| divided(*cpu, writes)).collect()
        };
        let mut of_messages: Vec<Duration> = shares.iter().flat_map(of_share).collect();
        of_messages.sort_unstable();
        Ok(Self { writes, cpu_per_write, of_messages })
    }
}

/// Measures a bare fan-out over loopback: writes a message to every connection, waits until all
/// connections were read, rests, and writes the next one.
///
/// Only what the writing threads compute between the first and the last write of a message counts.
/// The threads that read work at the same time, as a load generator does. Blocks the calling thread.
///
/// # Errors
/// The connections cannot be opened, or the measurement takes longer than [`TIMEOUT`].
pub(crate) fn measure(plan: &FanOutPlan) -> anyhow::Result<FanOutCost> {
    let deadline = Instant::now() + TIMEOUT;
    let FanOutPlan { connections: count, threads, .. } = *plan;
    let connections: Vec<SocketPairs> = (0..threads)
        .map(|thread| {
            // The first threads have one connection more where the number cannot be divided.
            let more = usize::from(thread < count % threads);
            SocketPairs::open(count / threads + more, deadline)
        })
        .collect::<io::Result<_>>()
        .context("cannot open the connections of the floor")?;
    let shares = thread::scope(|scope| {
        let start = |SocketPairs { writing, reading }| {
            let (all_read, was_read) = sync_channel(1);
            let reader = scope.spawn(move || read_messages(&reading, plan, &all_read, deadline));
            let writer = scope.spawn(move || write_messages(&writing, plan, &was_read, deadline));
            (reader, writer)
        };
        let running: Vec<_> = connections.into_iter().map(start).collect();
        let ended = running.into_iter().map(|(reader, writer)| {
            let (read, written) = (joined(reader), joined(writer));
            // A reader whose writer has failed ends without an error, so its own errors come first.
            read.context("cannot read what was written for the floor")?;
            written.context("cannot write to the connections of the floor")
        });
        ended.collect::<anyhow::Result<Vec<_>>>()
    })?;
    FanOutCost::of(&shares)
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn divided(cpu: Duration, writes: u64) -> Option<Duration> {
    let nanos = cpu.as_nanos().checked_div(u128::from(writes))?;
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_of_every_thread_is_measured() {
        let plan = FanOutPlan { connections: 5, payload_bytes: 200, threads: 2, messages: 4 };
        let floor = measure(&plan).expect("loopback works");
        assert_eq!(floor.writes, 5 * 4);
        assert_eq!(floor.of_messages.len(), 2 * 4);
        assert!(!floor.cpu_per_write.is_zero());
        let (lower, upper) = floor.quartiles();
        assert!(lower <= upper, "{floor:?}");
    }

    #[test]
    fn a_message_that_is_longer_than_every_buffer_is_written_whole() {
        let plan = FanOutPlan { connections: 2, payload_bytes: 16 << 20, threads: 1, messages: 1 };
        assert_eq!(measure(&plan).expect("loopback works").writes, 2);
    }

    #[test]
    fn the_quartiles_are_those_of_the_messages() {
        let cpu_of_messages = (1..=9).rev().map(|at| Duration::from_micros(2 * at)).collect();
        let floor =
            FanOutCost::of(&[WriterCost { connections: 2, cpu_of_messages }]).expect("a clock");
        assert_eq!((floor.writes, floor.cpu_per_write), (18, Duration::from_micros(5)));
        assert_eq!(floor.quartiles(), (Duration::from_micros(3), Duration::from_micros(7)));
    }

    #[test]
    fn a_clock_that_stands_still_is_an_error_and_no_floor_of_nought() {
        let share = WriterCost { connections: 2, cpu_of_messages: vec![Duration::ZERO; 3] };
        assert!(FanOutCost::of(&[share]).is_err());
    }
}
