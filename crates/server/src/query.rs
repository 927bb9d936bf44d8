//! The parameters in the address of a request.

use std::error::Error;

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use crate::api_error::ApiError;

/// Reads the query of a request. The fields of `T` are the parameters that the route takes; with
/// `#[serde(deny_unknown_fields)]`, others are refused rather than ignored. Handlers of an
/// application may use it, so that their errors read like those of the feeds.
///
/// # Errors
/// `400` with this hint: a parameter is unknown, is there twice, or has a malformed value.
pub fn read_query<T: DeserializeOwned>(uri: &Uri, hint: &'static str) -> Result<T, ApiError> {
    let Query(query) = Query::try_from_uri(uri).map_err(|rejection| {
        // The text of the rejection itself begins with a sentence of axum.
        let error = rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string);
        ApiError::bad_request(in_words_of_a_query(&error), hint)
    })?;
    Ok(query)
}

/// The error of the deserialiser begins with the name of a parameter and a colon, and calls
/// parameters fields.
fn in_words_of_a_query(error: &str) -> String {
    let (parameter, what) = match error.split_once(": ") {
        Some((parameter, what)) => (Some(parameter), what),
        None => (None, error),
    };
    for kind in ["unknown", "duplicate"] {
        if let Some(rest) = what.strip_prefix(kind).and_then(|rest| rest.strip_prefix(" field")) {
            return format!("{kind} query parameter{rest}");
        }
    }
    parameter.map_or_else(|| what.to_owned(), |name| format!("query parameter `{name}`: {what}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use wirebench_protocol::SubscriberName;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Parameters {
        #[serde(rename = "as")]
        name: Option<SubscriberName>,
        hold: Option<f64>,
    }

    fn read(query: &str) -> Result<Parameters, ApiError> {
        read_query(&format!("/feeds/a/sse?{query}").parse().unwrap(), "a hint")
    }

    #[test]
    fn known_parameters_are_read_and_may_be_absent() {
        let Parameters { name, hold } = read("hold=1.5&as=a%2Db").unwrap();
        assert_eq!((name.unwrap().as_str(), hold), ("a-b", Some(1.5)));
        let Parameters { name, hold } = read("").unwrap();
        assert_eq!((name, hold), (None, None));
    }

    #[test]
    fn what_is_wrong_is_said_of_the_parameter() {
        for (query, expected) in [
            ("has=a", "unknown query parameter `has`, expected `as` or `hold`: a hint"),
            ("hold=1&hold=2", "duplicate query parameter `hold`: a hint"),
            ("hold=soon", "query parameter `hold`: invalid float literal: a hint"),
            (
                "as=field:%20a",
                "query parameter `as`: malformed name of a subscriber `field: a`: expected 1 to 64 \
                 characters from `A-Z`, `a-z`, `0-9`, `-`, `_` and `.`: a hint",
            ),
        ] {
            assert_eq!(read(query).unwrap_err().text(), expected);
        }
    }
}
