//! The words of the answer: names of lines, values with their units, lists.

use wirebench_protocol::Transport;

use crate::columns::RunColumn;
use crate::numbers::thousands;
use crate::settings::VaryingSettings;
use crate::table::{TableColumn, TableLine};
use crate::units::setting_in_words;
use crate::value::Value;

/// Returns the name of a line: its transport, and the settings that only some transports have.
pub(super) fn name(line: &TableLine<'_>, settings: &VaryingSettings) -> String {
    name_without(line, settings, None)
}

/// Returns the name of a line without the setting `left_out`.
pub(super) fn name_without(
    line: &TableLine<'_>,
    settings: &VaryingSettings,
    left_out: Option<&RunColumn>,
) -> String {
    let own = settings.own.iter().zip(&line.group.own).filter(|(column, value)| {
        **value != Value::Blank && left_out.is_none_or(|it| it.name != column.name)
    });
    let words: Vec<String> = own.map(|(column, value)| setting_in_words(column, value)).collect();
    let transport = transport(line.group.transport);
    if words.is_empty() { transport } else { format!("{transport} ({})", words.join(", ")) }
}

/// Returns the name of a transport within a sentence.
pub(super) fn transport(name: &str) -> String {
    match name.parse() {
        Ok(Transport::ShortPolling | Transport::LongPolling) => name.replace('-', " "),
        Ok(transport @ (Transport::Sse | Transport::WebSocket | Transport::SocketIo)) => {
            transport.look().label.to_owned()
        }
        Err(_) => name.to_owned(),
    }
}

/// Returns a value with its unit, as the tables write it.
pub(super) fn with_unit(text: &str, column: &TableColumn) -> String {
    format!("{text} {}", column.unit()).trim_end().to_owned()
}

/// Returns a setting in words: `link delay 25 ms`, `10,000 subscribers`.
pub(super) fn setting(column: &RunColumn, value: &Value) -> String {
    match (column.name, value) {
        ("subscribers" | "servers", Value::Integer(count)) => {
            format!("{} {}", thousands(*count), column.name)
        }
        ("backbone_servers", Value::Integer(1)) => "one NATS server".to_owned(),
        ("backbone_servers", Value::Integer(count)) => format!("{count} NATS servers"),
        _ => setting_in_words(column, value),
    }
}

/// Returns a list such as `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// Returns a sentence with its first letter as a capital.
pub(super) fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
