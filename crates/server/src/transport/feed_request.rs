//! A request for a feed, whoever has read its head.

use axum::extract::Request;
use axum::http::{HeaderMap, Uri};

use crate::connection::RequestContext;

/// What a transport that answers with one response needs of a request.
#[derive(Debug)]
pub(crate) struct FeedRequest {
    pub(crate) uri: Uri,
    /// The header fields. Of a request that did not come through hyper, only those that a transport
    /// or the access control asks for.
    pub(crate) headers: HeaderMap,
    pub(crate) context: RequestContext,
}

impl From<Request> for FeedRequest {
    fn from(request: Request) -> Self {
        let context = RequestContext::of(&request);
        let (parts, _) = request.into_parts();
        Self { uri: parts.uri, headers: parts.headers, context }
    }
}
