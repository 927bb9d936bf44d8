//! Finds the feed that a request names in its path.

use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::StatusCode;

use crate::api_error::ApiError;
use crate::feed::Feed;
use crate::state::SharedState;

/// The values of the placeholders in the path of a route; an error if one of them is not UTF-8.
pub(crate) type PathParams = Result<RawPathParams, RawPathParamsRejection>;

/// Returns the feed that the placeholder `{feed}` names, and its name.
///
/// # Errors
/// `400` if the name is not UTF-8, `404` if the server has no such feed.
pub(crate) fn find<'a>(
    server: &'a SharedState,
    path: &PathParams,
) -> Result<(&'a str, &'a Feed), ApiError> {
    let path = path.as_ref().map_err(|error| {
        ApiError::bad_request(error.body_text(), "the name of a feed is UTF-8, percent-encoded")
    })?;
    let name = path.iter().find(|(key, _)| *key == "feed").map_or("", |(_, name)| name);
    let found = server.feeds.get_key_value(name).map(|(name, feed)| (name.as_str(), feed));
    found.ok_or_else(|| {
        let name: String = name.chars().take(64).collect();
        let hint = "feeds are named when the server starts";
        ApiError::new(StatusCode::NOT_FOUND, format!("no feed `{name}`"), hint)
    })
}
