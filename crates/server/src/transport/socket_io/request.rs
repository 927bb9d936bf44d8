//! What a request asks of Engine.IO: its query, and the errors of the protocol.

use axum::Json;
use axum::extract::{Query, Request};
use axum::http::header::CACHE_CONTROL;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use socketioxide_core::Sid;

/// What a request asks for. Whatever else it has in its query means nothing to the server.
#[derive(Debug, PartialEq)]
pub(super) enum EngineRequest {
    /// Opens a session that polls.
    Open,
    /// Takes what there is for a session, or waits for it.
    Poll(Sid),
    /// Brings packets of a session.
    Receive(Sid),
    /// Opens a session over a WebSocket.
    OpenWebSocket,
    /// Goes on with a session over a WebSocket.
    Upgrade(Sid),
}

/// A request that Engine.IO does not allow, with the code that the reference server gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EngineError {
    UnknownTransport,
    UnknownSession,
    BadHandshakeMethod,
    BadRequest,
    UnsupportedVersion,
}

impl EngineError {
    fn code_and_message(self) -> (u8, &'static str) {
        match self {
            Self::UnknownTransport => (0, "Transport unknown"),
            Self::UnknownSession => (1, "Session ID unknown"),
            Self::BadHandshakeMethod => (2, "Bad handshake method"),
            Self::BadRequest => (3, "Bad request"),
            Self::UnsupportedVersion => (5, "Unsupported protocol version"),
        }
    }

    /// Returns what to do about it, which the reference server does not say.
    fn hint(self) -> Option<&'static str> {
        match self {
            Self::UnknownSession => Some(
                "the session has ended, or another server has it: a proxy in front of several servers \
                 needs sticky sessions, unless clients use a WebSocket only",
            ),
            Self::UnknownTransport
            | Self::BadHandshakeMethod
            | Self::BadRequest
            | Self::UnsupportedVersion => None,
        }
    }
}

impl IntoResponse for EngineError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            code: u8,
            message: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'static str>,
        }
        let (code, message) = self.code_and_message();
        let body = Body { code, message, hint: self.hint() };
        let no_store = [(CACHE_CONTROL, "no-store")];
        (StatusCode::BAD_REQUEST, no_store, Json(body)).into_response()
    }
}

/// The query of a request.
#[derive(Debug, Default, Deserialize)]
struct EngineQuery {
    #[serde(rename = "EIO")]
    version: Option<String>,
    transport: Option<String>,
    sid: Option<String>,
    ticket: Option<String>,
}

/// Reads what a request asks for, and the ticket that it brings.
///
/// # Errors
/// The request is none of Engine.IO 4.
pub(super) fn parse(request: &Request) -> Result<(EngineRequest, Option<String>), EngineError> {
    let query = Query::<EngineQuery>::try_from_uri(request.uri());
    let Query(query) = query.map_err(|_| EngineError::BadRequest)?;
    let method = request.method();
    let is_websocket = match query.transport.as_deref() {
        Some("polling") => false,
        Some("websocket") => true,
        _ => return Err(EngineError::UnknownTransport),
    };
    if query.version.as_deref() != Some("4") {
        return Err(EngineError::UnsupportedVersion);
    }
    let session = query.sid.map(|id| id.parse().map_err(|_| EngineError::UnknownSession));
    let asked = match (is_websocket, session.transpose()?) {
        (true, None) => EngineRequest::OpenWebSocket,
        (true, Some(session)) => EngineRequest::Upgrade(session),
        (false, None) if method == Method::GET => EngineRequest::Open,
        (false, None) => return Err(EngineError::BadHandshakeMethod),
        (false, Some(session)) if method == Method::GET => EngineRequest::Poll(session),
        (false, Some(session)) if method == Method::POST => EngineRequest::Receive(session),
        (false, Some(_)) => return Err(EngineError::BadRequest),
    };
    Ok((asked, query.ticket))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "it reads better at the callers")]
    fn check(method: &str, query: &str, expected: Result<EngineRequest, EngineError>) {
        let uri = format!("/socket.io/{query}");
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        assert_eq!(parse(&request).map(|(asked, _)| asked), expected, "{method} {query}");
    }

    #[test]
    fn a_request_is_what_its_method_and_its_query_say() {
        const SID: &str = "AAAAAAAAAAAAAAHs";
        let sid = || SID.parse().unwrap();
        let polling = "?EIO=4&transport=polling";
        let websocket = "?EIO=4&transport=websocket";
        check("GET", polling, Ok(EngineRequest::Open));
        check("GET", &format!("{polling}&t=x&sid={SID}"), Ok(EngineRequest::Poll(sid())));
        check("POST", &format!("{polling}&sid={SID}"), Ok(EngineRequest::Receive(sid())));
        check("GET", websocket, Ok(EngineRequest::OpenWebSocket));
        check("GET", &format!("{websocket}&sid={SID}"), Ok(EngineRequest::Upgrade(sid())));
    }

    #[test]
    fn an_invalid_request_gets_the_error_of_the_protocol() {
        check("GET", "", Err(EngineError::UnknownTransport));
        check("GET", "?EIO=4&transport=carrier-pigeon", Err(EngineError::UnknownTransport));
        check("GET", "?transport=polling", Err(EngineError::UnsupportedVersion));
        check("GET", "?EIO=3&transport=websocket", Err(EngineError::UnsupportedVersion));
        check("POST", "?EIO=4&transport=polling", Err(EngineError::BadHandshakeMethod));
        check("GET", "?EIO=4&transport=polling&sid=", Err(EngineError::UnknownSession));
        check("GET", "?EIO=4&transport=polling&sid=%00", Err(EngineError::UnknownSession));
        let twice = "?EIO=4&transport=polling&sid=a&sid=b";
        check("GET", twice, Err(EngineError::BadRequest));
    }
}
