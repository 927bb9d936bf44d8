//! `wirebench doctor`: prints what this machine allows, and how to allow more.

use std::fmt::Write;

use crate::exit::Exit;
use crate::machine::Machine;
use crate::print;

/// The largest crowd of the scenarios that come with wirebench.
const LARGEST_CROWD: u64 = 5_000;

pub(crate) fn run() -> anyhow::Result<Exit> {
    print::data(&examine(&Machine::inspect(), env!("WIREBENCH_PROFILE")))?;
    Ok(Exit::Done)
}

/// Lists the facts, then advice on those that limit what can be measured. `profile` is the cargo
/// profile that this program was built with.
fn examine(machine: &Machine, profile: &str) -> String {
    let unknown = || "unknown".to_owned();
    let count = |number: Option<u64>| number.map_or_else(unknown, print::thousands);
    let (most, limit) = machine.most_connections();
    let ports = machine.port_range.map_or_else(unknown, |(first, last)| format!("{first}–{last}"));
    let memory = machine.memory_bytes.map(|bytes| format!("{:.1} GiB", gibibytes(bytes)));
    let resolution = format!("{} ns", machine.clock_resolution_ns);
    let facts = [
        ("build profile", profile.to_owned()),
        ("processor", machine.cpu.clone().unwrap_or_else(unknown)),
        ("cores", machine.cores.to_string()),
        ("memory", memory.unwrap_or_else(unknown)),
        ("kernel", machine.kernel.clone()),
        ("clock resolution", resolution),
        ("open files", machine.open_files.map_or_else(|| "no limit".into(), print::thousands)),
        ("local ports", ports),
        ("accept queue", count(machine.accept_queue)),
        ("most subscribers", format!("{} in one run, limited by {limit}", print::thousands(most))),
    ];
    let mut page = String::new();
    for (name, value) in facts {
        let _ = writeln!(page, "{name:<18}{value}");
    }
    for advice in advice(machine, profile) {
        let _ = write!(page, "\n{advice}\n");
    }
    page
}

fn advice(machine: &Machine, profile: &str) -> Vec<String> {
    let mut advice = Vec::new();
    if profile == "dev" {
        advice.push(
            "This is a debug build, which needs many times the processor time of an optimised one. \
             Measure with `cargo run --release`, or with `cargo run --profile dist`, which the \
             figures in the documentation come from."
                .to_owned(),
        );
    }
    let (most, _) = machine.most_connections();
    if most < LARGEST_CROWD {
        advice.push(format!(
            "Scenarios with up to {} subscribers come with wirebench; this machine allows {}.\n\
             Open files: `ulimit -n 20000`, or `nofile` in /etc/security/limits.conf, then log in \
             again.\nLocal ports: `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`.",
            print::thousands(LARGEST_CROWD),
            print::thousands(most)
        ));
    }
    if machine.cores < 2 {
        advice.push(
            "The server and the load generator share one core here, so each delays the other.\n\
             Compare transports with each other within one run, not with other machines."
                .to_owned(),
        );
    }
    if machine.accept_queue.is_some_and(|queue| queue < 1024) {
        advice.push(
            "A crowd that connects at once may overflow the accept queue: \
             `sysctl -w net.core.somaxconn=4096`, or a longer `crowd.ramp`."
                .to_owned(),
        );
    }
    if machine.clock_resolution_ns > 1_000 {
        advice.push("The clock is coarse: delays below its resolution have no meaning.".to_owned());
    }
    if advice.is_empty() {
        advice.push("This machine can run all scenarios that come with wirebench.".into());
    }
    advice
}

#[expect(clippy::cast_precision_loss, reason = "printed with one digit")]
fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            cpu: None,
            cores: 8,
            kernel: "Linux 6.1".into(),
            memory_bytes: Some(16 << 30),
            open_files: Some(20_000),
            port_range: Some((32_768, 60_999)),
            accept_queue: Some(4_096),
            clock_resolution_ns: 1,
        }
    }

    #[test]
    fn a_machine_that_can_run_every_scenario_gets_no_advice() {
        let page = examine(&machine(), "dist");
        assert!(
            page.contains("most subscribers  19,900 in one run, limited by open files"),
            "{page}"
        );
        assert!(page.contains("processor         unknown"), "{page}");
        assert!(page.contains("build profile     dist"), "{page}");
        assert!(
            page.ends_with("This machine can run all scenarios that come with wirebench.\n"),
            "{page}"
        );
    }

    #[test]
    fn each_limit_is_reported_with_a_remedy() {
        let limited = Machine {
            cores: 1,
            open_files: Some(1_024),
            accept_queue: Some(128),
            clock_resolution_ns: 4_000_000,
            ..machine()
        };
        let page = examine(&limited, "dev");
        for remedy in ["--release", "ulimit -n 20000", "share one core", "somaxconn", "coarse"] {
            assert!(page.contains(remedy), "no `{remedy}` in {page}");
        }
    }
}
