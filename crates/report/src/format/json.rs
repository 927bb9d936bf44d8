//! Rows as JSON, and the schema of it.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value as Json, json};

use crate::columns::{COLUMNS, FIRST_COLUMNS, Role, RunColumn, SCHEMA_VERSION};
use crate::question::Question;
use crate::row::Row;
use crate::table::first_places;
use crate::value::ValueType;

/// The one member of a row that is not a column.
const BEST: &str = "best";

const BEST_MEANING: &str = "The columns of the tables in which the run's transport has or shares \
    the first place at its setting, over all repeats. Transports that cannot be told from the best \
    share its place. Empty if all read the same, and for an invalid run.";

/// Returns an array with an object for each row. Its members are the columns in their order, and
/// the columns in which its transport is best. A value that was not measured is `null`.
pub(super) fn json(rows: &[Row], question: Question<'_>) -> String {
    let best = first_places(rows, question).of_rows;
    let rows: Vec<Object<'_>> =
        rows.iter().zip(best).map(|(row, best)| Object { row, best }).collect();
    serde_json::to_string_pretty(&rows).expect("text and finite numbers are JSON") + "\n"
}

/// Returns the JSON Schema (2020-12) of the rows as JSON.
///
/// Members are never removed, and new ones may be added: a reader should ignore members that it
/// does not know.
pub fn results_schema() -> Json {
    let mut properties: serde_json::Map<String, Json> =
        COLUMNS.iter().map(|column| (column.name.to_owned(), property(column))).collect();
    let best =
        json!({ "type": "array", "items": { "type": "string" }, "description": BEST_MEANING });
    properties.insert(BEST.to_owned(), best);
    let required: Vec<&str> = COLUMNS[..FIRST_COLUMNS].iter().map(|column| column.name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:wirebench:schema:results",
        "title": "wirebench results",
        "description": "The runs of a results folder, as in runs.csv. A value that was not \
            measured is null.",
        "type": "array",
        "items": { "type": "object", "properties": properties, "required": required },
    })
}

fn property(column: &RunColumn) -> Json {
    let unit = if column.unit.is_empty() { "" } else { " Unit: " };
    let description = format!("{}{unit}{}", column.meaning, column.unit);
    if column.name == "schema_version" {
        return json!({ "const": SCHEMA_VERSION, "description": description });
    }
    let kind = match column.value_type {
        ValueType::Text => "string",
        ValueType::Integer => "integer",
        ValueType::Decimal => "number",
        ValueType::Boolean => "boolean",
    };
    // What tells runs apart is always there. Any other value may be missing.
    let always = column.role == Role::Identity && column.name != "seed";
    let kind = if always { json!(kind) } else { json!([kind, "null"]) };
    json!({ "type": kind, "description": description })
}

/// A row as an object. It is not a [`serde_json::Map`], because that would sort its members.
struct Object<'a> {
    row: &'a Row,
    best: Vec<&'static str>,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(COLUMNS.len() + 1))?;
        for (column, value) in COLUMNS.iter().zip(self.row.values()) {
            members.serialize_entry(column.name, &value.to_json())?;
        }
        members.serialize_entry(BEST, &self.best)?;
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::testing::{measurement, record, run};

    fn json(rows: &[Row]) -> String {
        super::json(rows, Question::default())
    }

    fn rows() -> Vec<Row> {
        vec![Row::of(&record(&run(), &measurement()))]
    }

    #[test]
    fn a_row_looks_like_this() {
        assert_snapshot!(json(&rows()));
    }

    #[test]
    fn no_rows_are_an_empty_array() {
        assert_eq!(json(&[]), "[]\n");
    }

    #[test]
    fn the_schema_looks_like_this() {
        let schema = serde_json::to_string_pretty(&results_schema()).unwrap();
        let until = schema.find("\"connections_attempted\"").unwrap();
        assert_snapshot!(&schema[..until]);
    }

    #[test]
    fn every_value_is_of_the_type_that_the_schema_says() {
        let schema = results_schema();
        let parsed: Json = serde_json::from_str(&json(&rows())).unwrap();
        for (name, value) in parsed[0].as_object().unwrap() {
            let property = &schema["items"]["properties"][name];
            let found = match value {
                Json::Null => "null",
                Json::Bool(_) => "boolean",
                Json::Number(number) if number.is_u64() => "integer",
                Json::Number(_) => "number",
                Json::String(_) => "string",
                Json::Array(_) => "array",
                other @ Json::Object(_) => panic!("{name}: {other}"),
            };
            let types = property["type"].to_string();
            let fits = types.contains(found) || found == "integer" && types.contains("number");
            assert!(fits || property["const"] == *value, "{name} is {value}: {property}");
        }
        for name in schema["items"]["required"].as_array().unwrap() {
            assert!(parsed[0].get(name.as_str().unwrap()).is_some(), "{name}");
        }
    }
}
