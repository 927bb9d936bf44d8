//! Cross-origin resource sharing: what pages of other origins may read.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use axum::http::header::{self, HeaderName};
use tower_http::cors::{AllowOrigin, CorsLayer};
use wirebench_protocol::FEED_CURSOR;

/// Returns the layer that lets pages of these origins read the answers to their requests. `None` if
/// there are no such origins: then nothing is added to any answer.
pub(super) fn layer(origins: &BTreeSet<String>) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins = if origins.contains("*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD, Method::POST])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_NONE_MATCH,
                HeaderName::from_static("last-event-id"),
            ])
            .expose_headers([
                HeaderName::from_static(FEED_CURSOR),
                header::ETAG,
                header::RETRY_AFTER,
            ])
            .max_age(Duration::from_hours(1)),
    )
}
