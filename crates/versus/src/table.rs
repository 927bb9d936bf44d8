//! Medians and spread of all rounds, as tables in Markdown.

use std::fmt::Write;

use wirebench_protocol::Transport;

use crate::options::VersusOptions;
use crate::sample::Measured;

/// One measurement and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampled {
    pub(crate) transport: Transport,
    pub(crate) rival_index: usize,
    pub(crate) measured: Measured,
    /// What the floor used for a delivery at the same time. `None` where nothing is delivered.
    pub(crate) floor_us: Option<f64>,
}

/// The measurements of all rounds.
#[derive(Debug)]
pub(crate) struct Results {
    labels: Vec<String>,
    samples: Vec<Sampled>,
}

/// A table: what it shows, and what it takes from a measurement.
struct Section {
    title: &'static str,
    decimals: usize,
    value: fn(&Sampled) -> Option<f64>,
}

const SECTIONS: [Section; 4] = [
    Section {
        title: "server CPU per delivery, × floor",
        decimals: 2,
        value: |sample| match sample.measured {
            Measured::Deliveries { cpu_us, .. } => Some(cpu_us / sample.floor_us?),
            Measured::Polls { .. } => None,
        },
    },
    Section {
        title: "server CPU per delivery, µs",
        decimals: 2,
        value: |sample| match sample.measured {
            Measured::Deliveries { cpu_us, .. } => Some(cpu_us),
            Measured::Polls { .. } => None,
        },
    },
    Section {
        title: "memory per idle subscriber, KiB",
        decimals: 1,
        value: |sample| match sample.measured {
            Measured::Deliveries { idle_kib, .. } => idle_kib,
            Measured::Polls { .. } => None,
        },
    },
    Section {
        title: "polls per second, thousands",
        decimals: 1,
        value: |sample| match sample.measured {
            Measured::Deliveries { .. } => None,
            Measured::Polls { per_second } => Some(per_second / 1e3),
        },
    },
];

impl Results {
    pub(crate) const fn new(labels: Vec<String>) -> Self {
        Self { labels, samples: Vec::new() }
    }

    pub(crate) fn add(&mut self, sample: Sampled) {
        self.samples.push(sample);
    }

    /// Returns a table for each thing that was measured. A cell has the median of all rounds, and
    /// behind it the smallest and the largest. A server that does not have a transport leaves its
    /// cell blank.
    pub(crate) fn to_markdown(&self, options: &VersusOptions) -> String {
        let mut text = format!(
            "{} subscribers × {} messages of {} bytes in a second, windows of {} s, one server \
             thread; median (smallest to largest) of {} rounds\n",
            options.subscribers,
            options.messages_per_second,
            crate::message::BYTES,
            options.seconds,
            options.rounds,
        );
        for section in &SECTIONS {
            self.append_section(section, &options.transports, &mut text);
        }
        text
    }

    fn append_section(&self, section: &Section, transports: &[Transport], text: &mut String) {
        let cell = |transport: Transport, rival_index: usize| {
            let samples = self.samples.iter();
            let of_cell = samples.filter(|sample| {
                sample.transport == transport && sample.rival_index == rival_index
            });
            cell(of_cell.filter_map(section.value).collect(), section.decimals)
        };
        let rows = transports.iter().filter_map(|transport| {
            let cells = (0..self.labels.len()).map(|rival| cell(*transport, rival));
            let cells: Vec<_> = cells.collect();
            let has_any = cells.iter().any(|cell| !cell.is_empty());
            has_any.then(|| format!("| {transport} | {} |\n", cells.join(" | ")))
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            let columns = "---|".repeat(self.labels.len() + 1);
            let labels = self.labels.join(" | ");
            let _ =
                write!(text, "\n| {} | {labels} |\n|{columns}\n{}", section.title, rows.concat());
        }
    }
}

fn cell(mut values: Vec<f64>, decimals: usize) -> String {
    values.sort_by(f64::total_cmp);
    let (Some(smallest), Some(largest)) = (values.first(), values.last()) else {
        return String::new();
    };
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    };
    format!("{median:.decimals$} ({smallest:.decimals$} to {largest:.decimals$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(transports: &[Transport]) -> VersusOptions {
        VersusOptions {
            wirebench: Vec::new(),
            others: Vec::new(),
            transports: transports.to_vec(),
            rounds: 2,
            subscribers: 1_000,
            messages_per_second: 10,
            seconds: 8,
            packages: std::path::PathBuf::new(),
        }
    }

    #[test]
    fn a_cell_has_the_median_and_the_spread_and_what_is_not_there_is_blank() {
        let mut results = Results::new(vec!["ours".to_owned(), "theirs".to_owned()]);
        for (transport, rival_index, cpu_us) in [
            (Transport::Sse, 0, 8.0),
            (Transport::Sse, 0, 9.0),
            (Transport::SocketIo, 0, 7.7),
            (Transport::Sse, 1, 14.0),
        ] {
            let measured = Measured::Deliveries { cpu_us, idle_kib: Some(2.5) };
            results.add(Sampled { transport, rival_index, measured, floor_us: Some(7.0) });
        }
        let measured = Measured::Polls { per_second: 51_234.0 };
        let transport = Transport::ShortPolling;
        results.add(Sampled { transport, rival_index: 1, measured, floor_us: None });
        insta::assert_snapshot!(results.to_markdown(&options(&Transport::ALL)));
    }

    #[test]
    fn a_table_without_figures_is_left_out() {
        let text = Results::new(vec!["ours".to_owned()]).to_markdown(&options(&[Transport::Sse]));
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
