//! The JSON Schemas of scenario and target files, for editors.

use serde_json::{Map, Value as Json, json};
use wirebench_protocol::Transport;

use crate::format::FileFormat;
use crate::key::Key;
use crate::tables::{SCENARIO, target, thresholds};
use crate::target::TARGET;
use crate::{COLUMNS, Operator};

/// Returns the JSON Schema (draft 2020-12) of a scenario file, as editors of TOML understand it.
///
/// It does not cover mistakes that only several keys together can make, such as a window shorter
/// than a poll interval. `wirebench check` finds those.
pub fn schema() -> Json {
    of_format(&SCENARIO, "A scenario for wirebench: a question put to several transports.")
}

/// Returns the JSON Schema (draft 2020-12) of a target file.
///
/// It does not cover placeholders and keys that need each other. `wirebench targets` finds those.
pub fn target_schema() -> Json {
    of_format(&TARGET, "A target for wirebench: a server to measure.")
}

fn of_format(format: &FileFormat, doc: &str) -> Json {
    let mut schema = object(doc, &of_tables(format));
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["$id"] = format!("urn:wirebench:schema:{}", format.noun).into();
    schema["title"] = format!("wirebench {}", format.noun).into();
    schema
}

/// Returns the keys at the top of a file, and its tables.
fn of_tables(format: &FileFormat) -> Map<String, Json> {
    let mut properties = of_keys(format.top.keys);
    for table in format.tables {
        let content = match table.name {
            thresholds::NAME => of_thresholds(),
            target::NAME => of_tables(&TARGET),
            _ => of_keys(table.keys),
        };
        let in_full = object(table.doc, &content);
        let schema = match format.short_key(table.name) {
            Some(key) => json!({ "anyOf": [in_full, (key.schema)(key)] }),
            None => in_full,
        };
        properties.insert(table.name.to_owned(), schema);
    }
    properties
}

fn object(doc: &str, properties: &Map<String, Json>) -> Json {
    json!({
        "type": "object",
        "description": doc,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn of_keys(keys: &[Key]) -> Map<String, Json> {
    keys.iter().map(|key| (key.name.to_owned(), (key.schema)(key))).collect()
}

/// Returns the columns that can have a bound, for every transport or in the table of one.
fn of_thresholds() -> Map<String, Json> {
    let operators = Operator::ALL.map(Operator::symbol);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn every_key_and_table_is_in_the_schema() {
        let schema = schema();
        for key in keys() {
            let table = match key.table {
                "" => &schema,
                table => &schema["properties"][table],
            };
            let property = &table["properties"][key.name];
            assert_eq!(property["description"], key.doc, "{}", key.path);
        }
        assert_eq!(schema["properties"]["thresholds"]["properties"]["sse"]["type"], "object");
        let target = &schema["properties"]["target"]["properties"];
        assert_eq!(target["sse"]["properties"], target_schema()["properties"]["sse"]["properties"]);
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
