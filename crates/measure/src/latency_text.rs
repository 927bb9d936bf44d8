//! A histogram on its way from one process to another: HdrHistogram's format V2, in Base64.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as V2Deserializer, Serializer as _, V2Serializer};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::latency::Latency;

/// What a [`Latency`] is written as.
#[derive(Deserialize, Serialize)]
struct LatencyText {
    /// `None` without values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v2: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    saturated: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let v2 = if self.is_empty() { None } else { Some(encode(self.histogram())) };
        let v2 = v2.transpose().map_err(S::Error::custom)?;
        LatencyText { v2, saturated: self.saturated() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let LatencyText { v2, saturated } = LatencyText::deserialize(deserializer)?;
        let mut latency = Self::new();
        if let Some(text) = v2 {
            let histogram = decode(&text).map_err(D::Error::custom)?;
            for value in histogram.iter_recorded() {
                let nanos = Duration::from_nanos(value.value_iterated_to());
                latency.record_many(nanos, value.count_since_last_iteration());
            }
        }
        // The text comes from another process: it says itself how many were above the highest.
        latency.set_saturated(saturated);
        Ok(latency)
    }
}

fn encode(histogram: &Histogram<u64>) -> Result<String, String> {
    let mut bytes = Vec::new();
    let written = V2Serializer::new().serialize(histogram, &mut bytes);
    written.map_err(|error| format!("cannot write a histogram: {error:?}"))?;
    Ok(STANDARD.encode(bytes))
}

fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(text).map_err(|error| format!("not Base64: {error}"))?;
    let read = V2Deserializer::new().deserialize(&mut &bytes[..]);
    read.map_err(|error| format!("not a histogram in HdrHistogram's format V2: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_histogram_is_the_same_in_another_process(
            values in prop::collection::vec(1_u64..8_000_000_000_000, 0..40)
        ) {
            let mut latency = Latency::new();
            for nanos in &values {
                latency.record(Duration::from_nanos(*nanos));
            }
            let text = serde_json::to_string(&latency).unwrap();
            let read: Latency = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &latency);
            // Merged as the original is: the bounds are the same.
            let (mut one, mut other) = (latency.clone(), latency.clone());
            one.merge(&read);
            other.merge(&latency);
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn a_text_that_is_no_histogram_is_an_error() {
        for text in [r#"{"v2":"?"}"#, r#"{"v2":"AAAA"}"#, r#"{"v2":""}"#] {
            serde_json::from_str::<Latency>(text).expect_err(text);
        }
    }
}
