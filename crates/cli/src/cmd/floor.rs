//! `wirebench floor`: measures what a bare write costs, the unit for the cost of servers.

use std::num::NonZero;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use wirebench_protocol::MAX_PAYLOAD_BYTES;

use crate::bare_fan_out::{FanOutCost, FanOutPlan, files_for, measure, most_connections};
use crate::exit::Exit;
use crate::{machine, print};

/// Measure what it costs this machine to write a message to many connections, without a protocol
///
/// This is the floor for servers that push: one write for each message and connection, over loopback,
/// and nothing else. `run` measures it before and after each run, and gives the cost of the server in
/// multiples of it. Only the processor time of the writing threads counts, user and system.
#[derive(Args, Debug)]
pub(crate) struct FloorArguments {
    /// Connections that each message is written to
    #[arg(long, value_name = "COUNT", default_value = "1000")]
    connections: NonZero<usize>,
    /// Bytes of a message, from 1 to 1048576
    #[arg(long, value_name = "BYTES", default_value = "200", value_parser = payload)]
    payload: usize,
    /// Threads that write, each to its share of the connections
    #[arg(long, value_name = "THREADS", default_value = "1")]
    threads: NonZero<usize>,
    /// Messages to measure; fewer if they would be more than 256 MiB in all, but at least 3
    #[arg(long, value_name = "COUNT", default_value = "50")]
    messages: NonZero<u32>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = FloorFormat::Text)]
    format: FloorFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FloorFormat {
    /// For a terminal
    Text,
    /// For programs
    Json,
    /// A header and one line
    Csv,
}

pub(crate) fn run(arguments: &FloorArguments) -> anyhow::Result<Exit> {
    machine::raise_open_files();
    let connections = arguments.connections.get();
    if let Some(error) = too_many(connections, most_connections(machine::open_files())) {
        print::talk(&format!("error: {error}"));
        return Ok(Exit::Usage);
    }
    let plan = FanOutPlan::new(
        connections,
        arguments.payload,
        arguments.threads.get(),
        arguments.messages.get(),
    );
    let measured = MeasuredFloor::of(&plan, &measure(&plan)?);
    print::data(&match arguments.format {
        FloorFormat::Text => measured.to_text(),
        FloorFormat::Json => serde_json::to_string_pretty(&measured)? + "\n",
        FloorFormat::Csv => measured.to_csv(),
    })?;
    Ok(Exit::Done)
}

/// Returns why so many connections cannot be measured, and what to do. `None` if they can.
fn too_many(connections: usize, most: usize) -> Option<String> {
    let [wanted, allowed, files] =
        [connections, most, files_for(connections)].map(|count| print::thousands(count as u64));
    (connections > most).then(|| {
        format!(
            "cannot open {wanted} connections: the limit of open files allows {allowed}, since \
             both ends of each are open here\n  ask for fewer with `--connections`, or allow \
             {files} open files: `ulimit -n` as root, or `nofile` in /etc/security/limits.conf"
        )
    })
}

/// The result, as programs get it. Absent values do not occur.
#[derive(Debug, Serialize)]
struct MeasuredFloor {
    connections: usize,
    payload_bytes: usize,
    threads: usize,
    messages: u32,
    writes: u64,
    cpu_us_per_write: f64,
    cpu_p25_us_per_write: f64,
    cpu_p75_us_per_write: f64,
}

impl MeasuredFloor {
    fn of(plan: &FanOutPlan, floor: &FanOutCost) -> Self {
        // To the nanosecond.
        let micros = |cpu: Duration| (cpu.as_secs_f64() * 1e9).round() / 1e3;
        let (lower, upper) = floor.quartiles();
        Self {
            connections: plan.connections,
            payload_bytes: plan.payload_bytes,
            threads: plan.threads,
            messages: plan.messages,
            writes: floor.writes,
            cpu_us_per_write: micros(floor.cpu_per_write),
            cpu_p25_us_per_write: micros(lower),
            cpu_p75_us_per_write: micros(upper),
        }
    }

    fn to_text(&self) -> String {
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        format!(
            "{:.2} µs of processor time per write; half of the messages from {:.2} to {:.2} µs\n\
             {} writes: {} messages of {} B to {} connections, by {} {threads}\n",
            self.cpu_us_per_write,
            self.cpu_p25_us_per_write,
            self.cpu_p75_us_per_write,
            print::thousands(self.writes),
            self.messages,
            print::thousands(self.payload_bytes as u64),
            print::thousands(self.connections as u64),
            self.threads,
        )
    }

    fn to_csv(&self) -> String {
        format!(
            "connections,payload_bytes,threads,messages,writes,cpu_us_per_write,\
             cpu_p25_us_per_write,cpu_p75_us_per_write\r\n{},{},{},{},{},{},{},{}\r\n",
            self.connections,
            self.payload_bytes,
            self.threads,
            self.messages,
            self.writes,
            self.cpu_us_per_write,
            self.cpu_p25_us_per_write,
            self.cpu_p75_us_per_write,
        )
    }
}

fn payload(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 1..=MAX_PAYLOAD_BYTES) => Ok(bytes),
        _ => Err(format!("expected a number of bytes from 1 to {MAX_PAYLOAD_BYTES}, such as 200")),
    }
}
