//! Access checks of the demo API: the origin of a request, and who may use the shared controls.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use wirebench_server::ApiError;

/// Who may use the controls that affect all visitors: the publisher, the link, cuts and restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ControlAccess {
    /// Clients on the machine that the server runs on.
    #[default]
    Loopback,
    /// All clients.
    Anyone,
}

impl ControlAccess {
    /// Returns true if the sender of a request with these extensions may use the shared controls.
    pub(crate) fn allows(self, extensions: &Extensions) -> bool {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        self == Self::Anyone || peer.is_some_and(|ip| IpAddr::to_canonical(&ip).is_loopback())
    }
}

/// Rejects requests to the shared controls from clients without access.
pub(crate) async fn controllers_only(
    State(access): State<ControlAccess>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if access.allows(request.extensions()) {
        return Ok(next.run(request).await);
    }
    let error = "only the server's own machine may change what all visitors see";
    let hint = "start the server with `--demo-controls anyone` to give access to all visitors";
    Err(ApiError::new(StatusCode::FORBIDDEN, error, hint))
}

/// Rejects requests from pages of other servers. Such a page could otherwise act through its
/// visitor's browser, which may run on the server's own machine.
pub(crate) async fn same_origin_only(request: Request, next: Next) -> Result<Response, ApiError> {
    if is_same_origin(request.uri(), request.headers()) {
        return Ok(next.run(request).await);
    }
    let error = "the request comes from a page of another server";
    Err(ApiError::new(StatusCode::FORBIDDEN, error, "open the page on this server, at `/`"))
}

/// Returns true if the request has no `Origin`, or the one that it was sent to.
fn is_same_origin(uri: &Uri, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(origin) = text(header::ORIGIN) else { return true };
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    // HTTP/2 has the host in the request target.
    let host = text(header::HOST).or_else(|| uri.authority().map(Authority::as_str));
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_without_an_origin_or_with_the_server_s_own_is_same_origin() {
        let check = |origin: Option<&'static str>, host: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            let both = [(header::ORIGIN, origin), (header::HOST, host)];
            for (name, value) in both.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                headers.insert(name, HeaderValue::from_static(value));
            }
            is_same_origin(&Uri::from_static("/"), &headers)
        };
        assert!(check(None, Some("a:80")) && check(None, None));
        assert!(check(Some("http://A:8080"), Some("a:8080")));
        assert!(check(Some("https://a"), Some("a")));
        assert!(!check(Some("http://a:8081"), Some("a:8080")));
        assert!(!check(Some("http://b"), Some("a")));
        assert!(!check(Some("null"), Some("null")));
        assert!(!check(Some("http://a"), None));
    }

    #[test]
    fn only_loopback_clients_have_access_unless_anyone_has() {
        let from = |ip: &str| {
            let mut extensions = Extensions::new();
            let ip: IpAddr = ip.parse().unwrap();
            extensions.insert(ConnectInfo(SocketAddr::new(ip, 1)));
            ControlAccess::Loopback.allows(&extensions)
        };
        assert!(from("127.0.0.1") && from("::1") && from("::ffff:127.0.0.1"));
        assert!(!from("192.0.2.1") && !from("2001:db8::1"));
        assert!(!ControlAccess::Loopback.allows(&Extensions::new()));
        assert!(ControlAccess::Anyone.allows(&Extensions::new()));
    }
}
