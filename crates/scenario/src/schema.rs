//! The JSON Schema of a scenario file, for editors: the registry of keys, said in another language.

use serde_json::{Map, Value, json};
use wirebench_protocol::Transport;

use crate::keys::{KEYS, Key, Kind, TABLES, THRESHOLDS};
use crate::{COLUMNS, Comparison, Connections, Habit, Headers, Policy, ServerFault};

/// The JSON Schema (draft 2020-12) of a scenario file, as editors of TOML understand it.
///
/// What only several keys together can get wrong (a window shorter than a poll interval) is not in
/// it: `wirebench check` says those.
pub fn schema() -> Value {
    let mut properties = keys_of("");
    for table in &TABLES {
        let content = if table.name == THRESHOLDS { thresholds() } else { keys_of(table.name) };
        properties.insert(table.name.to_owned(), object(table.doc, &content));
    }
    let mut schema =
        object("A scenario for wirebench: a question put to several transports.", &properties);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "wirebench scenario".into();
    schema
}

fn object(doc: &str, properties: &Map<String, Value>) -> Value {
    json!({
        "type": "object",
        "description": doc,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn keys_of(table: &str) -> Map<String, Value> {
    let keys = KEYS.iter().filter(|key| key.table == table);
    keys.map(|key| (key.name.to_owned(), property(key))).collect()
}

fn property(key: &Key) -> Value {
    let one = value(key);
    let mut property = if key.list {
        json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1, "uniqueItems": true }] })
    } else {
        one
    };
    property["description"] = key.doc.into();
    property["default"] = from_toml(key.default);
    property
}

/// One value of a key.
fn value(key: &Key) -> Value {
    let names = |names: &[&str]| json!({ "type": "string", "enum": names });
    match key.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count => between(key, "integer"),
        Kind::Number => between(key, "number"),
        Kind::Duration => json!({ "type": "string", "pattern": DURATION }),
        Kind::Transport => names(&Transport::ALL.map(Transport::name)),
        Kind::Headers => names(&Headers::ALL.map(Headers::name)),
        Kind::Connections => names(&Connections::ALL.map(Connections::name)),
        Kind::Policy => names(&Policy::ALL.map(Policy::name)),
        Kind::Server => names(&none_or(&ServerFault::ALL.map(ServerFault::name))),
        Kind::Proxy => names(&none_or(&Habit::ALL.map(Habit::name))),
        Kind::Pace => json!({ "anyOf": [
            names(&["steady", "exact", "poisson"]),
            only("burst", &json!({ "type": "integer", "minimum": 1 })),
        ] }),
        Kind::Payload => {
            json!({ "anyOf": [between(key, "integer"), only("file", &json!({ "type": "string" }))] })
        }
    }
}

fn none_or<'a>(names: &[&'a str]) -> Vec<&'a str> {
    std::iter::once("none").chain(names.iter().copied()).collect()
}

/// Parts such as `1h30m`, `1.5s` and `500us`.
const DURATION: &str = r"^(\d+(\.\d+)?(h|m|s|ms|us|ns))+$";

fn between(key: &Key, kind: &str) -> Value {
    let mut number = json!({ "type": kind });
    for (name, bound) in [("minimum", key.least), ("maximum", key.most)] {
        if let Some(bound) = bound {
            number[name] = from_toml(bound);
        }
    }
    number
}

/// An object of this one key.
fn only(name: &str, value: &Value) -> Value {
    json!({
        "type": "object",
        "properties": { name: value },
        "required": [name],
        "additionalProperties": false,
    })
}

/// A bound for each column, for every transport or in a table of one.
fn thresholds() -> Map<String, Value> {
    let operators: Vec<_> =
        Comparison::ALL.iter().map(|comparison| comparison.operator()).collect();
    let bound = json!({
        "type": "string",
        "pattern": format!(r"^\s*({})\s*-?[\d_]+(\.\d+)?\s*$", operators.join("|")),
    });
    let columns: Map<_, _> =
        COLUMNS.iter().map(|column| ((*column).to_owned(), bound.clone())).collect();
    let transports = Transport::ALL.into_iter().map(|transport| {
        let doc = format!("Bounds for {transport} alone.");
        (transport.name().to_owned(), object(&doc, &columns))
    });
    columns.clone().into_iter().chain(transports).collect()
}

/// A value of the registry, which is TOML, as JSON.
fn from_toml(text: &str) -> Value {
    let table: toml::Table =
        toml::from_str(&format!("value = {text}")).expect("the registry holds TOML");
    serde_json::to_value(&table["value"]).expect("numbers, strings and lists are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_table_is_in_the_schema() {
        let schema = schema();
        for key in &KEYS {
            let table = match key.table {
                "" => &schema,
                table => &schema["properties"][table],
            };
            let property = &table["properties"][key.name];
            assert_eq!(property["description"], key.doc, "{}", key.path());
        }
        assert_eq!(schema["properties"]["thresholds"]["properties"]["sse"]["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
    }

    #[test]
    fn bounds_and_defaults_are_numbers_and_lists_of_json() {
        let schema = schema();
        let feed = &schema["properties"]["feed"]["properties"];
        assert_eq!(feed["rate"]["default"], 10);
        assert_eq!(feed["rate"]["anyOf"][0]["maximum"], 1_000_000);
        assert_eq!(feed["window"]["default"], 10_000);
        assert_eq!(schema["properties"]["transports"]["default"][3], "websocket");
    }
}
