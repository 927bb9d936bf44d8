//! Access control: who may subscribe and publish, and from pages of which origins.

mod cors;
mod tickets;
mod token;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::header::{self, HeaderMap};
use axum::http::uri::Authority;
use axum::http::{StatusCode, Uri};
use tower_http::cors::CorsLayer;

use self::tickets::{Right, TICKET_TIME, Tickets};
pub use self::token::{InvalidToken, Token};
use crate::api_error::ApiError;

/// Who may publish and subscribe. By default everybody may, except for pages of other origins.
#[derive(Debug, Default)]
pub struct Access {
    /// The bearer token that publishing requires. None allows everybody to publish.
    pub publish: Option<Token>,
    /// The bearer token that subscribing requires; a ticket or the publishing token does as well.
    /// None allows everybody to subscribe.
    pub subscribe: Option<Token>,
    /// Origins whose pages may subscribe and publish, in addition to the server's own origin, such
    /// as `https://example.org`. The single origin `*` allows all.
    pub origins: BTreeSet<String>,
    tickets: Tickets,
}

impl Access {
    /// Creates the rules for these tokens and origins.
    pub fn new(
        publish: Option<Token>,
        subscribe: Option<Token>,
        origins: impl IntoIterator<Item = String>,
    ) -> Self {
        let origins = origins.into_iter().map(|origin| origin.to_ascii_lowercase()).collect();
        Self { publish, subscribe, origins, tickets: Tickets::default() }
    }

    /// Checks that a page of the request's origin may use the server. A request without an origin
    /// does not come from a page.
    ///
    /// WebSocket handshakes are not covered by the same-origin policy, so the server has to check
    /// them (RFC 6455, section 10.2). A page of another origin cannot read streams and polls, but
    /// it could open them, and they would hold a connection.
    pub(crate) fn origin(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = String::from_utf8_lossy(origin.as_bytes()).to_ascii_lowercase();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        // Over HTTP/2 the host is in the address.
        let host = host.or_else(|| uri.authority().map(Authority::as_str));
        let own = origin.split_once("://").is_some_and(|(_, authority)| {
            host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        });
        if own || self.origins.contains(&origin) || self.origins.contains("*") {
            return Ok(());
        }
        let shortened: String = origin.chars().take(100).collect();
        let error = format!("pages of `{shortened}` are not allowed to use this server");
        let hint = "start the server with `--allow-origin` and this origin";
        Err(ApiError::new(StatusCode::FORBIDDEN, error, hint))
    }

    /// Checks that the request may subscribe. A client that cannot set headers brings a ticket.
    pub(crate) fn subscribe(
        &self,
        ticket: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(), ApiError> {
        let Some(token) = &self.subscribe else { return Ok(()) };
        let publisher = self.publish.as_ref().is_some_and(|token| token.is_borne_by(headers));
        if publisher || token.is_borne_by(headers) || self.right(ticket).is_some() {
            return Ok(());
        }
        let error = "subscribing requires a token";
        let hint = "send `Authorization: Bearer <token>`, or `?ticket=` from `POST /tickets`";
        Err(ApiError::unauthorized(error, hint))
    }

    /// Checks that the request may publish.
    pub(crate) fn publish(
        &self,
        ticket: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(), ApiError> {
        match &self.publish {
            Some(token)
                if !token.is_borne_by(headers) && self.right(ticket) != Some(Right::Publish) =>
            {
                let hint = "send `Authorization: Bearer <token>`";
                Err(ApiError::unauthorized("publishing requires a token", hint))
            }
            _ => Ok(()),
        }
    }

    /// Returns a ticket and how long it is valid. The request must be one that may subscribe; if it
    /// may publish as well, so does the ticket.
    pub(crate) fn ticket(&self, headers: &HeaderMap) -> Result<(String, Duration), ApiError> {
        self.subscribe(None, headers)?;
        let right = match self.publish(None, headers) {
            Ok(()) => Right::Publish,
            Err(_) => Right::Subscribe,
        };
        self.tickets.issue(right).map(|ticket| (ticket, TICKET_TIME)).ok_or_else(|| {
            let error = "there are too many tickets";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error, "come back in a minute")
                .with(header::RETRY_AFTER, "60")
        })
    }

    /// Returns the layer that lets pages of the allowed origins read answers; `None` if there are
    /// no such origins.
    pub(crate) fn cors_layer(&self) -> Option<CorsLayer> {
        cors::layer(&self.origins)
    }

    /// Returns true if pages of other origins may read answers, which then have fields for them.
    pub(crate) fn answers_other_origins(&self) -> bool {
        !self.origins.is_empty()
    }

    fn right(&self, ticket: Option<&str>) -> Option<Right> {
        ticket.and_then(|ticket| self.tickets.right(ticket))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn pages_of_the_own_origin_and_of_allowed_origins_may_use_the_server() {
        let access = Access::new(None, None, ["https://Allowed.example".to_owned()]);
        let ask = |origin, host| {
            let headers = headers(&[(header::ORIGIN, origin), (header::HOST, host)]);
            access.origin(&Uri::from_static("/"), &headers).is_ok()
        };
        assert!(ask("http://localhost:8080", "localhost:8080"));
        assert!(ask("https://allowed.example", "localhost:8080"));
        assert!(!ask("http://localhost:8081", "localhost:8080"));
        assert!(!ask("null", "localhost:8080"));
        assert!(!ask("http://localhost:8080.evil.example", "localhost:8080"));
        assert!(access.origin(&Uri::from_static("/"), &HeaderMap::new()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_valid_for_a_minute() {
        let access = Access::new(None, Some(Token::new("0123456789abcdef").unwrap()), []);
        assert!(access.ticket(&HeaderMap::new()).is_err(), "a ticket requires the token");
        let bearer = headers(&[(header::AUTHORIZATION, "Bearer 0123456789abcdef")]);
        let (ticket, time) = access.ticket(&bearer).unwrap();
        assert!(access.subscribe(Some(&ticket), &HeaderMap::new()).is_ok());
        assert!(access.subscribe(Some("guessed"), &HeaderMap::new()).is_err());
        tokio::time::advance(time).await;
        assert!(access.subscribe(Some(&ticket), &HeaderMap::new()).is_err(), "expired");
    }
}
