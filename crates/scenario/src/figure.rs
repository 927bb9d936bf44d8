//! The figures that a scenario may ask about.

/// A figure that a scenario may ask about: a column of `runs.csv`, under a name without its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Median of the delivery delay.
    DeliveryP50,
    /// 99th percentile of the delivery delay.
    DeliveryP99,
    /// The longest delivery.
    DeliveryMax,
    /// Deliveries that were due and not made.
    Missing,
    /// HTTP requests.
    Requests,
    /// Answers without a message.
    EmptyAnswers,
    /// Connections that were opened.
    Connections,
    /// Bytes on the wire for each message.
    Bytes,
    /// Processor time of the server for each message.
    ServerCpu,
    /// Memory of the server for each subscriber.
    ServerMemory,
    /// The share of the messages that was delivered.
    Delivered,
    /// Missed deliveries of which the subscriber was told.
    MissedSignalled,
    /// Missed deliveries of which the subscriber does not know.
    MissedSilently,
    /// Repeated deliveries.
    Repeated,
    /// The time until 99 % of the subscribers were back after a fault.
    Recovery,
    /// The most subscribers that came back within a second.
    ReconnectPeak,
    /// 99th percentile of the time until a sent message was answered.
    AnswerP99,
    /// 99th percentile of the time until the sender saw its own message.
    EchoP99,
    /// 99th percentile of the time until the others saw a sent message.
    OthersP99,
    /// Statements for each message that the database carried out.
    Statements,
    /// 99th percentile of the time that a commit took.
    CommitP99,
    /// The time until the whole crowd was connected.
    AllConnected,
}

impl Figure {
    /// All figures.
    pub const ALL: [Self; 22] = [
        Self::DeliveryP50,
        Self::DeliveryP99,
        Self::DeliveryMax,
        Self::Missing,
        Self::Requests,
        Self::EmptyAnswers,
        Self::Connections,
        Self::Bytes,
        Self::ServerCpu,
        Self::ServerMemory,
        Self::Delivered,
        Self::MissedSignalled,
        Self::MissedSilently,
        Self::Repeated,
        Self::Recovery,
        Self::ReconnectPeak,
        Self::AnswerP99,
        Self::EchoP99,
        Self::OthersP99,
        Self::Statements,
        Self::CommitP99,
        Self::AllConnected,
    ];

    /// Returns the name in scenario files.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// Returns the column of `runs.csv` that has the figure.
    pub const fn column(self) -> &'static str {
        self.facts().1
    }

    /// Returns the name in running text, with its article.
    pub const fn in_words(self) -> &'static str {
        self.facts().2
    }

    /// Returns the figure with this name in scenario files.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name)
    }

    const fn facts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::DeliveryP50 => ("delivery_p50", "delivery_p50_us", "the median of delivery"),
            Self::DeliveryP99 => ("delivery_p99", "delivery_p99_us", "the p99 of delivery"),
            Self::DeliveryMax => ("delivery_max", "delivery_max_us", "the longest delivery"),
            Self::Missing => ("missing", "missing", "the number of missing deliveries"),
            Self::Requests => ("requests", "requests", "the number of requests"),
            Self::EmptyAnswers => {
                ("empty_answers", "empty_responses", "the number of empty answers")
            }
            Self::Connections => ("connections", "connections_opened", "the number of connections"),
            Self::Bytes => ("bytes", "bytes_per_message", "traffic per message"),
            Self::ServerCpu => {
                ("server_cpu", "server_cpu_us_per_message", "server CPU per message")
            }
            Self::ServerMemory => {
                ("server_memory", "server_rss_per_subscriber_bytes", "server memory per subscriber")
            }
            Self::Delivered => ("delivered", "delivered_ratio", "the share delivered"),
            Self::MissedSignalled => {
                ("missed_signalled", "missed_signalled", "the number of signalled misses")
            }
            Self::MissedSilently => {
                ("missed_silently", "missed_silently", "the number of silent misses")
            }
            Self::Repeated => ("repeated", "duplicate", "the number of repeated deliveries"),
            Self::Recovery => ("recovery", "back_99_ms", "the time until 99 % were back"),
            Self::ReconnectPeak => {
                ("reconnect_peak", "reconnects_peak_per_s", "the peak of reconnects")
            }
            Self::AnswerP99 => ("answer_p99", "upstream_ack_p99_us", "the p99 of the answer"),
            Self::EchoP99 => ("echo_p99", "upstream_echo_p99_us", "the p99 of the own echo"),
            Self::OthersP99 => {
                ("others_p99", "upstream_others_p99_us", "the p99 until others saw a message")
            }
            Self::Statements => {
                ("statements", "store_queries_per_message", "the number of statements per message")
            }
            Self::CommitP99 => ("commit_p99", "store_commit_p99_us", "the p99 of a commit"),
            Self::AllConnected => {
                ("all_connected", "all_connected_s", "the time until all were connected")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::COLUMNS;

    #[test]
    fn every_figure_is_a_column_and_has_a_name_of_its_own() {
        for figure in Figure::ALL {
            assert!(COLUMNS.contains(&figure.column()), "{}", figure.column());
            assert_eq!(Figure::named(figure.name()), Some(figure));
        }
    }
}
