//! How messages are spread over time.

use serde_json::{Value as Json, json};
use toml::de::DeValue;
use wirebench_protocol::control::Pace;

use super::choices::{names_schema, one_of};
use super::located::Located;
use super::value::{FieldValue, Mismatch, only_entry, only_entry_schema};
use crate::key::Key;
use crate::words::{grouped, quoted};

/// The maximum number of messages that a burst publishes at once.
const MAX_BURST: u32 = 1_000_000;

/// The paces that need no number.
const NAMED: [(&str, Pace); 3] =
    [("steady", Pace::Steady), ("exact", Pace::Exact), ("poisson", Pace::Poisson)];

impl FieldValue for Pace {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let DeValue::Table(_) = found.value.get_ref() else { return one_of(found, &NAMED) };
        let burst = u32::read(only_entry(found, "burst")?)?;
        if (1..=MAX_BURST).contains(&burst) {
            Ok(Self::Burst(burst))
        } else {
            let most = grouped(MAX_BURST as usize);
            Err(Mismatch::expected(format_args!("a burst of 1 to {most} messages")))
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Steady => quoted("steady"),
            Self::Exact => quoted("exact"),
            Self::Poisson => quoted("poisson"),
            Self::Burst(burst) => format!("{{ burst = {burst} }}"),
        }
    }

    fn expected() -> String {
        "`\"steady\"`, `\"exact\"`, `\"poisson\"` or `{ burst = 50 }`".to_owned()
    }

    fn schema(_: &Key) -> Json {
        let burst = json!({ "type": "integer", "minimum": 1 });
        let names = names_schema(&NAMED.map(|(name, _)| name));
        json!({ "anyOf": [names, only_entry_schema("burst", &burst)] })
    }
}
