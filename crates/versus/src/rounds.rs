//! All measurements, interleaved.

use std::fmt::Write;

use wirebench_protocol::Transport;

use crate::floor::FloorKind;
use crate::options::VersusOptions;
use crate::rivals::Rival;
use crate::sample::{self, Measured};
use crate::table::{Results, Sampled};

/// Measures everything, and returns the table in Markdown. `tell` gets a line for each measurement.
/// The other servers have to be [prepared](crate::OtherServers::prepare).
///
/// # Errors
/// A server does not start, or messages are missing: then its figures would be of a server that
/// does not do its work.
pub fn compare(options: &VersusOptions, tell: &mut dyn FnMut(&str)) -> anyhow::Result<String> {
    let builds = options.wirebench.iter().cloned().map(Rival::Wirebench);
    let rivals: Vec<_> = builds.chain(options.others.iter().map(|other| other.rival())).collect();
    let mut results = Results::new(rivals.iter().map(|rival| rival.label().to_owned()).collect());
    for round in 1..=options.rounds {
        tell(&format!("round {round} of {}", options.rounds));
        measure(&rivals, options, &mut results, tell)?;
    }
    let mut text = results.to_markdown(options);
    for rival in &rivals {
        let version = rival.version().unwrap_or_default();
        let _ = write!(text, "\n- {}: {version}", rival.label());
    }
    text.push('\n');
    Ok(text)
}

fn measure(
    rivals: &[Rival],
    options: &VersusOptions,
    results: &mut Results,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    for &transport in &options.transports {
        // Beside each transport, so that little time passes between the two.
        let floor_us = match transport {
            Transport::ShortPolling => None,
            Transport::LongPolling => Some(sample::of_floor(FloorKind::Poll, options)?),
            Transport::Sse | Transport::WebSocket | Transport::SocketIo => {
                Some(sample::of_floor(FloorKind::Push, options)?)
            }
        };
        for (rival_index, rival) in rivals.iter().enumerate() {
            let Some(route) = rival.route(transport) else { continue };
            let measured = sample::of_rival(rival, transport, route, options)
                .map_err(|error| error.context(format!("{} over {transport}", rival.label())))?;
            tell(&format!("{transport}, {}: {}", rival.label(), words(measured, floor_us)));
            results.add(Sampled { transport, rival_index, measured, floor_us });
        }
    }
    Ok(())
}

fn words(measured: Measured, floor_us: Option<f64>) -> String {
    match measured {
        Measured::Deliveries { cpu_us, .. } => {
            let floor =
                floor_us.map_or_else(String::new, |floor_us| format!(", floor {floor_us:.2} µs"));
            format!("{cpu_us:.2} µs per delivery{floor}")
        }
        Measured::Polls { per_second } => format!("{per_second:.0} polls per second"),
    }
}
