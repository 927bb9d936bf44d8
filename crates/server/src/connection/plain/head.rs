//! Which requests are plain.
//!
//! A request is plain if it is a `GET` over HTTP/1.1 for a feed of this server, in the form that
//! every client sends, and nothing in its head changes what a connection does. Whatever is unusual,
//! even if it is valid, is for hyper, and so is everything that is not valid.

use std::pin::Pin;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use httparse::{EMPTY_HEADER, Request, Status};
use wirebench_protocol::Transport;

use super::super::activity::ConnectionActivity;
use super::super::host::is_host;
use super::super::request_context::RequestContext;
use crate::scratch;
use crate::transport::feed_answer::FeedAnswer;
use crate::transport::feed_request::{FeedRequest, LAST_EVENT_ID};
use crate::transport::{FeedGet, answer_get};

/// The size from which on a head is not plain.
pub(super) const MAX_BYTES: usize = scratch::BYTES;

/// The number of header fields from which on a head is not plain. Browsers send some 15.
const MAX_FIELDS: usize = 32;

/// Fields that a transport or the access control asks for. Their values are kept.
static ASKED_FOR: [HeaderName; 3] = [header::AUTHORIZATION, header::IF_NONE_MATCH, LAST_EVENT_ID];

/// Fields with which a request is not plain. They announce a body, ask for another protocol or for
/// something before the answer, or come from the page of another origin.
static FOR_HYPER: [HeaderName; 7] = [
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::ORIGIN,
];

/// What the bytes at the start of a connection, or after a request, are.
pub(super) enum Head<A> {
    /// Not all of a head, as far as can be seen.
    Unfinished,
    /// A request that is answered without hyper.
    Plain(PlainGet<A>),
    /// A request to leave HTTP for another protocol, which does not concern the layer of the
    /// server.
    Upgrade,
    /// Another request for hyper, or no request at all.
    ForHyper,
}

/// A plain request, and the future of its answer.
pub(super) struct PlainGet<A> {
    /// The length of the head, with the blank line at its end.
    pub(super) length: usize,
    /// Its answer. On the heap, so that a stream does not hold it for as long as it goes on.
    pub(super) answer: Pin<Box<A>>,
}

/// Reads the head of a request.
pub(super) fn read(
    bytes: &[u8],
    activity: &Arc<ConnectionActivity>,
) -> Head<impl Future<Output = FeedAnswer> + Send + use<>> {
    if bytes.is_empty() {
        return Head::Unfinished;
    }
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut request = Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(Status::Partial) if bytes.len() < MAX_BYTES => Head::Unfinished,
        Ok(Status::Complete(length)) => whole(&request, length, activity),
        Ok(Status::Partial) | Err(_) => Head::ForHyper,
    }
}

/// Tells what a request is whose head has come.
fn whole(
    request: &Request<'_, '_>,
    length: usize,
    activity: &Arc<ConnectionActivity>,
) -> Head<impl Future<Output = FeedAnswer> + Send + use<>> {
    let layer = activity.server().layer.as_ref();
    if layer.is_some_and(|layer| request.path.is_none_or(|target| layer.concerns(target))) {
        return Head::ForHyper;
    }
    match plain(request, length, activity) {
        Some(get) => Head::Plain(get),
        None if upgrades(request) => Head::Upgrade,
        None => Head::ForHyper,
    }
}

/// Returns true if the request asks for another protocol in the form that every client sends, and has
/// no body.
fn upgrades(request: &Request<'_, '_>) -> bool {
    let has = |name: HeaderName| {
        request.headers.iter().any(|field| field.name.eq_ignore_ascii_case(name.as_str()))
    };
    let has_body = has(header::CONTENT_LENGTH) || has(header::TRANSFER_ENCODING);
    let has_path = request.path.is_some_and(|target| target.starts_with('/'));
    request.method == Some("GET") && has_path && has(header::UPGRADE) && !has_body
}

/// Returns the request if it is plain.
fn plain(
    request: &Request<'_, '_>,
    length: usize,
    activity: &Arc<ConnectionActivity>,
) -> Option<PlainGet<impl Future<Output = FeedAnswer> + Send + use<>>> {
    if request.method != Some("GET") || request.version != Some(1) {
        return None;
    }
    let (server, target) = (activity.server(), request.path?);
    let (get, name) = path_of(target)?;
    let (feed, headers) = (server.feeds.get(name)?, fields_of(request)?);
    let context = RequestContext::new(Arc::clone(activity), None);
    let request = FeedRequest::of_target(get.into(), server, feed, target, &headers, context)?;
    Some(PlainGet { length, answer: Box::pin(answer_get(get, server, request)) })
}

/// Returns the transport and the name of the feed in a target such as `/feeds/bench/sse?after=…`.
/// The name has only characters that stand for themselves everywhere in an address (RFC 3986,
/// section 2.3).
fn path_of(target: &str) -> Option<(FeedGet, &str)> {
    let (name, rest) = target.strip_prefix("/feeds/")?.split_once('/')?;
    let is_of = |get: &FeedGet| {
        let query = rest.strip_prefix(Transport::from(*get).name());
        query.is_some_and(|query| query.is_empty() || query.starts_with('?'))
    };
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let get = FeedGet::ALL.into_iter().find(is_of)?;
    name.bytes().all(is_unreserved).then_some((get, name))
}

/// Returns the fields that somebody asks for. `None` if one of the fields is not plain, or if the
/// request does not name exactly one host.
fn fields_of(request: &Request<'_, '_>) -> Option<HeaderMap> {
    let (mut asked_for, mut hosts) = (HeaderMap::new(), 0);
    for field in &*request.headers {
        let is = |name: &HeaderName| field.name.eq_ignore_ascii_case(name.as_str());
        if is(&header::HOST) {
            hosts += 1;
            is_host(field.value).then_some(())?;
        } else if is(&header::CONNECTION) {
            field.value.eq_ignore_ascii_case(b"keep-alive").then_some(())?;
        } else if FOR_HYPER.iter().any(is) {
            return None;
        } else if let Some(name) = ASKED_FOR.iter().find(|name| is(name)) {
            asked_for.append(name.clone(), HeaderValue::from_bytes(field.value).ok()?);
        }
    }
    (hosts == 1).then_some(asked_for)
}
