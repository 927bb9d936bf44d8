//! Who may do what: tokens, tickets, origins.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode, Uri};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use tower_http::cors::{AllowOrigin, CorsLayer};
use wirebench_protocol::FEED_CURSOR;

use crate::answer::Refusal;

/// How long a ticket opens subscriptions.
const TICKET_TIME: Duration = Duration::from_mins(1);

/// Tickets that are valid at once. One more is refused until one expires.
const TICKETS: usize = 10_000;

/// A secret that whoever knows it may act on. Compared in constant time, and never shown.
#[derive(Clone)]
pub struct Token(String);

/// Text that cannot be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is 16 to 512 printable ASCII characters without spaces")]
pub struct InvalidToken;

impl Token {
    /// A token of at least 16 characters; white space around it is passed over.
    ///
    /// # Errors
    /// Text that is too short to be a secret, or cannot be sent in a header.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        let fits =
            (16..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(InvalidToken)
    }

    /// A token that nobody has guessed.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()))
    }

    /// The secret itself, to be handed to whoever may act on it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a request brings it as its bearer (RFC 6750, section 2.1).
    pub(crate) fn is_borne_by(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return false };
        let Some((scheme, found)) = value.as_bytes().split_at_checked(7) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && self.is(found.trim_ascii())
    }

    fn is(&self, found: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(found).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// Who may publish and subscribe. By default everybody, from pages of the server's own origin.
#[derive(Debug, Default)]
pub struct Access {
    /// What publishing takes, as a bearer token; nothing where there is none.
    pub publish: Option<Token>,
    /// What subscribing takes, as a bearer token or a ticket; nothing where there is none.
    pub subscribe: Option<Token>,
    /// Origins beside the server's own whose pages may subscribe and publish, such as
    /// `https://example.org`. The single origin `*` stands for all.
    pub origins: BTreeSet<String>,
    tickets: Tickets,
}

impl Access {
    /// Access by these tokens and from these origins.
    pub fn new(
        publish: Option<Token>,
        subscribe: Option<Token>,
        origins: impl IntoIterator<Item = String>,
    ) -> Self {
        let origins = origins.into_iter().map(|origin| origin.to_ascii_lowercase()).collect();
        Self { publish, subscribe, origins, tickets: Tickets::default() }
    }

    /// Whether a page of the request's origin may ask. Requests without one come from no page.
    ///
    /// WebSocket handshakes are not covered by the same-origin policy, so that the server has to look
    /// (RFC 6455, section 10.2); streams and polls would be opened, if not read, and hold a connection.
    pub(crate) fn origin(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
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
        let error = format!("pages of `{}` may not ask here", shortened(&origin));
        let hint = "start the server with `--allow-origin` and this origin";
        Err(Refusal::new(StatusCode::FORBIDDEN, error, hint))
    }

    /// Whether the request may subscribe: the token, or a ticket for those that cannot set headers.
    pub(crate) fn subscribe(
        &self,
        ticket: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let Some(token) = &self.subscribe else { return Ok(()) };
        let publisher = self.publish.as_ref().is_some_and(|token| token.is_borne_by(headers));
        if publisher || token.is_borne_by(headers) || self.ticketed(ticket).is_some() {
            return Ok(());
        }
        let error = "subscribing takes a token";
        let hint = "send `Authorization: Bearer <token>`, or `?ticket=` from `POST /tickets`";
        Err(Refusal::unauthorized(error, hint))
    }

    /// Whether the request may publish.
    pub(crate) fn publish(&self, ticket: Option<&str>, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.publish {
            Some(token)
                if !token.is_borne_by(headers) && self.ticketed(ticket) != Some(Right::Publish) =>
            {
                let hint = "send `Authorization: Bearer <token>`";
                Err(Refusal::unauthorized("publishing takes a token", hint))
            }
            _ => Ok(()),
        }
    }

    fn ticketed(&self, ticket: Option<&str>) -> Option<Right> {
        ticket.and_then(|ticket| self.tickets.right(ticket))
    }

    /// A ticket for whoever may subscribe; to those who may publish, it stands for that as well.
    pub(crate) fn ticket(&self, headers: &HeaderMap) -> Result<(String, Duration), Refusal> {
        self.subscribe(None, headers)?;
        let right = match self.publish(None, headers) {
            Ok(()) => Right::Publish,
            Err(_) => Right::Subscribe,
        };
        self.tickets.issue(right).map(|ticket| (ticket, TICKET_TIME)).ok_or_else(|| {
            let error = "there are too many tickets";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error, "come back in a minute")
                .with(header::RETRY_AFTER, "60")
        })
    }
}

/// What a ticket is good for. Whoever may publish may subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Subscribe,
    Publish,
}

/// Short-lived stand-ins for the token, so that the token itself is never in an address, where logs and
/// histories would keep it. A ticket opens any number of subscriptions while it is valid.
#[derive(Debug, Default)]
struct Tickets(Mutex<HashMap<String, (Instant, Right)>>);

impl Tickets {
    fn issue(&self, right: Right) -> Option<String> {
        let now = Instant::now();
        let mut tickets = self.0.lock();
        if tickets.len() >= TICKETS {
            tickets.retain(|_, (expires, _)| *expires > now);
        }
        let ticket = format!("{:032x}", rand::random::<u128>());
        (tickets.len() < TICKETS).then(|| {
            tickets.insert(ticket.clone(), (now + TICKET_TIME, right));
            ticket
        })
    }

    /// A look-up by hash gives nothing away about 128 random bits that live a minute.
    fn right(&self, ticket: &str) -> Option<Right> {
        let tickets = self.0.lock();
        tickets
            .get(ticket)
            .filter(|(expires, _)| *expires > Instant::now())
            .map(|(_, right)| *right)
    }
}

/// What lets pages of the allowed origins read what they asked for; `None` where there are none, and
/// nothing is to be added to any answer.
pub(crate) fn cors(access: &Access) -> Option<CorsLayer> {
    if access.origins.is_empty() {
        return None;
    }
    let origins = if access.origins.contains("*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(access.origins.iter().filter_map(|origin| origin.parse().ok()))
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

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_token_is_borne_by_its_bearer_alone() {
        let token = Token::new(" 0123456789abcdef\n").unwrap();
        let bears = |value| token.is_borne_by(&headers(&[(header::AUTHORIZATION, value)]));
        assert!(bears("Bearer 0123456789abcdef") && bears("bearer 0123456789abcdef"));
        for wrong in [
            "Bearer 0123456789abcdeg",
            "Bearer 0123456789abcde",
            "Bearer",
            "Basic 0123456789abcdef",
        ] {
            assert!(!bears(wrong), "{wrong}");
        }
        assert!(!format!("{token:?}").contains("0123"));
        assert!(Token::new("short").is_err() && Token::new("spaces in the middle").is_err());
    }

    #[test]
    fn pages_of_the_own_origin_and_of_those_allowed_may_ask() {
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
    async fn a_ticket_opens_for_a_minute() {
        let access = Access::new(None, Some(Token::new("0123456789abcdef").unwrap()), []);
        assert!(access.ticket(&HeaderMap::new()).is_err(), "a ticket takes the token");
        let bearer = headers(&[(header::AUTHORIZATION, "Bearer 0123456789abcdef")]);
        let (ticket, time) = access.ticket(&bearer).unwrap();
        assert!(access.subscribe(Some(&ticket), &HeaderMap::new()).is_ok());
        assert!(access.subscribe(Some("guessed"), &HeaderMap::new()).is_err());
        tokio::time::advance(time).await;
        assert!(access.subscribe(Some(&ticket), &HeaderMap::new()).is_err(), "expired");
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_too_many_tickets() {
        let tickets = Tickets::default();
        assert_eq!((0..=TICKETS).filter_map(|_| tickets.issue(Right::Subscribe)).count(), TICKETS);
        tokio::time::advance(TICKET_TIME).await;
        assert!(tickets.issue(Right::Publish).is_some(), "those that expired make room");
    }
}
