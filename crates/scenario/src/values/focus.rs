//! The figures that a scenario asks about, as one value of a key.

use serde_json::{Value as Json, json};

use super::located::Located;
use super::value::{FieldValue, Mismatch};
use crate::Figure;
use crate::key::Key;
use crate::words::joined;

/// The figures that answer a scenario's question, the most important first. Each occurs once. Empty:
/// those that the kind of scenario suggests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Focus(pub Vec<Figure>);

/// Says which figure was probably meant, or which there are.
fn unknown(element: Located<'_>, mismatch: Mismatch) -> Mismatch {
    let hint = mismatch.hint.unwrap_or_else(|| {
        let names = Figure::ALL.map(|figure| format!("`{}`", figure.name()));
        format!("the figures are {}", joined(names, "and"))
    });
    Mismatch::expected(format_args!("a list of figures, and {} is none", element.found()))
        .with_hint(hint)
}

impl FieldValue for Focus {
    const IS_ARRAY: bool = true;

    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let array = found.value.get_ref().as_array().ok_or_else(Mismatch::default)?;
        let mut figures: Vec<Figure> = Vec::new();
        for element in array.iter().map(|element| found.inner(element)) {
            let figure = Figure::read(element).map_err(|mismatch| unknown(element, mismatch))?;
            if figures.contains(&figure) {
                let name = figure.name();
                return Err(Mismatch::hint(format_args!("`\"{name}\"` is in it twice")));
            }
            figures.push(figure);
        }
        Ok(Self(figures))
    }

    fn write(&self) -> String {
        let figures: Vec<String> = self.0.iter().map(FieldValue::write).collect();
        format!("[{}]", figures.join(", "))
    }

    fn expected() -> String {
        "a list of figures".to_owned()
    }

    fn schema(_: &Key) -> Json {
        let names = Figure::ALL.map(Figure::name);
        json!({
            "type": "array",
            "items": { "type": "string", "enum": names },
            "uniqueItems": true,
        })
    }
}
