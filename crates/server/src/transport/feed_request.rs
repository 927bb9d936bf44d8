//! A request for a feed, whoever has read its head.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use wirebench_protocol::Transport;

use super::subscription::{Subscription, SubscriptionQuery};
use crate::api_error::ApiError;
use crate::connection::RequestContext;
use crate::feed::Feed;
use crate::state::SharedState;

/// What a transport that answers with one response needs of a request.
#[derive(Debug)]
pub(crate) struct FeedRequest {
    pub(crate) uri: Uri,
    /// The header fields. Of a request that did not come through hyper, only those that a transport
    /// or the access control asks for.
    pub(crate) headers: HeaderMap,
    pub(crate) context: RequestContext,
}

/// What is left of a request when its subscription is open. It is kept while the request is held.
#[derive(Debug)]
pub(super) struct OpenRequest {
    pub(super) subscription: Subscription,
    pub(super) query: SubscriptionQuery,
    /// What the client already has: the value of `If-None-Match`.
    pub(super) known: Option<HeaderValue>,
    /// The place of the last event that a browser has received: the value of `Last-Event-ID`.
    pub(super) last_event: Option<HeaderValue>,
    pub(super) context: RequestContext,
}

impl FeedRequest {
    /// Opens the subscription that the request asks for.
    ///
    /// # Errors
    /// As [`Subscription::open`].
    pub(super) fn open(
        &self,
        transport: Transport,
        server: &Arc<SharedState>,
        feed: &Feed,
    ) -> Result<OpenRequest, ApiError> {
        let Self { uri, headers, context } = self;
        let (subscription, query) = Subscription::open(transport, server, feed, uri, headers)?;
        Ok(OpenRequest {
            subscription,
            query,
            known: headers.get(header::IF_NONE_MATCH).cloned(),
            last_event: headers.get("last-event-id").cloned(),
            context: context.clone(),
        })
    }
}

impl From<Request> for FeedRequest {
    fn from(request: Request) -> Self {
        let context = RequestContext::of(&request);
        let (parts, _) = request.into_parts();
        Self { uri: parts.uri, headers: parts.headers, context }
    }
}
