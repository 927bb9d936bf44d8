//! The laws in `theory.js` agree with those in `crates/measure`: both are checked against the same
//! worked values.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wirebench_protocol::Transport;

use crate::browser::visit;

const WORKED_VALUES: &str = include_str!("../../../measure/worked-values.json");

/// The numbers of a prediction.
const RESULTS: [&str; 3] = ["mean_ms", "requests_per_message", "empty_ratio"];

#[test]
fn the_laws_of_the_pages_give_the_worked_values() {
    let values: Vec<Value> = serde_json::from_str(WORKED_VALUES).unwrap();
    visit(async |visit| {
        let tab = visit.open("/").await;
        let predictions: Vec<Value> = tab.ask(&predict_all(&values)).await;
        assert_eq!(predictions.len(), values.len());
        for (value, prediction) in values.iter().zip(&predictions) {
            for result in RESULTS {
                let (found, expected) = (prediction[result].as_f64(), value[result].as_f64());
                assert!(is_same(found, expected), "{result}: {found:?} instead of {value}");
            }
        }
    });
}

#[test]
fn the_pages_know_the_delivery_of_every_transport() {
    visit(async |visit| {
        let tab = visit.open("/").await;
        let rows = "JSON.parse($('#page-data').textContent).transports";
        let deliveries: Vec<String> =
            tab.ask(&format!("{rows}.map(({{ delivery }}) => delivery)")).await;
        assert_eq!(deliveries.len(), Transport::COUNT);
        let values: Vec<Value> = serde_json::from_str(WORKED_VALUES).unwrap();
        let known: BTreeSet<_> =
            values.iter().filter_map(|value| value["delivery"].as_str()).collect();
        for delivery in deliveries {
            assert!(known.contains(delivery.as_str()), "no worked value is `{delivery}`");
        }
    });
}

/// Returns an expression that predicts every worked value in the browser.
fn predict_all(values: &[Value]) -> String {
    let settings = values.iter().map(|value| {
        let settings = json!({
            "rate": value["rate_per_s"],
            "payload_bytes": 64,
            "link_ms": value["delay_ms"],
            "interval_ms": value["interval_ms"],
            "hold_ms": value["hold_ms"],
        });
        json!([value["delivery"], settings])
    });
    let settings: Value = settings.collect();
    format!(
        "import('/web/theory.js').then(({{ predict }}) =>
            {settings}.map(([delivery, settings]) => predict(delivery, settings)))"
    )
}

/// Returns true if two numbers agree to six digits, or if both are missing.
fn is_same(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
