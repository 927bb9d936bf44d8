//! Where subscribers are: a share of them for each label of agents.

use serde_json::{Value as Json, json};

use super::located::Located;
use super::value::{FieldValue, Mismatch};
use crate::key::Key;
use crate::words::quoted;

/// By how much the shares may miss a sum of 1: thirds are written with a few digits.
const TOLERANCE: f64 = 0.001;

/// A share of the subscribers for each label of agents, in the order of the labels. Empty: evenly over
/// all agents. The shares are above 0, and their sum is 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement(pub Vec<(String, f64)>);

impl FieldValue for Placement {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let table = found.value.get_ref().as_table().ok_or_else(Mismatch::default)?;
        let shares = table.iter().map(|(label, value)| {
            let share = f64::read(found.inner(value)).ok();
            let share = share.filter(|share| *share > 0.0 && *share <= 1.0).ok_or_else(|| {
                let label = label.get_ref();
                Mismatch::hint(format_args!(
                    "the share of `{label}` must be above 0, and at most 1"
                ))
            })?;
            Ok((label.get_ref().to_string(), share))
        });
        let shares: Vec<_> = shares.collect::<Result<_, Mismatch>>()?;
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        if shares.is_empty() || (sum - 1.0).abs() <= TOLERANCE {
            return Ok(Self(shares));
        }
        Err(Mismatch::hint(format_args!("the shares add up to {sum}, not to 1")))
    }

    fn write(&self) -> String {
        let shares = self.0.iter();
        let shares: Vec<_> =
            shares.map(|(label, share)| format!("{} = {}", quoted(label), share.write())).collect();
        if shares.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", shares.join(", ")) }
    }

    fn expected() -> String {
        "a table with a share of the subscribers for each label, such as `{ zone-a = 0.5, zone-b = \
         0.5 }`"
            .to_owned()
    }

    fn schema(_: &Key) -> Json {
        let share = json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 });
        json!({ "type": "object", "additionalProperties": share })
    }
}
