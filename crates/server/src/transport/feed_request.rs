//! A request for a feed, whoever has read its head.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use wirebench_protocol::Transport;

use super::subscription::{Subscription, SubscriptionQuery};
use crate::api_error::ApiError;
use crate::connection::RequestContext;
use crate::feed::Feed;
use crate::state::SharedState;

/// The field in which a browser that reconnects says which event it has received last (WHATWG HTML,
/// section 9.2.3).
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A request for a feed, over a transport that answers it with one response. Its subscription is
/// open. It is kept while the request is held.
#[derive(Debug)]
pub(crate) struct FeedRequest {
    pub(super) subscription: Subscription,
    pub(super) query: SubscriptionQuery,
    /// What the client already has: the value of `If-None-Match`.
    pub(super) known: Option<HeaderValue>,
    /// The place of the last event that a browser has received: the value of `Last-Event-ID`.
    pub(super) last_event: Option<HeaderValue>,
    pub(super) context: RequestContext,
}

impl FeedRequest {
    /// Opens the subscription that a request asks for, and sets the transport of its connection.
    ///
    /// # Errors
    /// As [`Subscription::open`].
    pub(super) fn open(
        transport: Transport,
        server: &Arc<SharedState>,
        feed: &Feed,
        request: &Request,
    ) -> Result<Self, ApiError> {
        let (context, headers) = (RequestContext::of(request), request.headers());
        context.set_transport(transport);
        let uri = request.uri();
        let (subscription, query) = Subscription::open(transport, server, feed, uri, headers)?;
        Ok(Self::new(subscription, query, headers, context))
    }

    /// Opens the subscription that a request with this target asks for, and sets the transport of
    /// its connection. The path of the target names the feed and the transport, and the request has
    /// no `Origin`. Of its header fields, `headers` needs only those that a transport or the access
    /// control asks for. Returns `None` if the target is malformed.
    ///
    /// # Errors
    /// As [`Subscription::of_query`].
    pub(crate) fn of_target(
        transport: Transport,
        server: &Arc<SharedState>,
        feed: &Feed,
        target: &str,
        headers: &HeaderMap,
        context: RequestContext,
    ) -> Option<Result<Self, ApiError>> {
        let query = SubscriptionQuery::of_target(target)?;
        context.set_transport(transport);
        let opened = Subscription::of_query(transport, server, feed, query, headers);
        Some(opened.map(|(subscription, query)| Self::new(subscription, query, headers, context)))
    }

    fn new(
        subscription: Subscription,
        query: SubscriptionQuery,
        headers: &HeaderMap,
        context: RequestContext,
    ) -> Self {
        let known = headers.get(header::IF_NONE_MATCH).cloned();
        let last_event = headers.get(LAST_EVENT_ID).cloned();
        Self { subscription, query, known, last_event, context }
    }
}
