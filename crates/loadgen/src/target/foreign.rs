//! A feed of a target server, as a target file describes it: checked once, so that
//! subscribing cannot find a mistake in the file.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wirebench_protocol::{Epoch, Transport};
use wirebench_scenario::TargetFile;
use wirebench_scenario::target::{PollCursor, Step, Template, UnknownPlaceholder};

use super::error::TargetError;
use super::secrets::Secrets;
use super::server_url::{ServerUrl, parse};

/// What is encoded in a cursor that goes into a URL: all but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How the feed of a target server is subscribed to.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignFeed {
    /// What the server is told, and what it answers.
    pub file: Arc<TargetFile>,
    /// The transport.
    pub transport: Transport,
    /// The run whose messages count. Those of other runs are ignored.
    pub run: Epoch,
    /// The port of the server: `{port}` in the file. `None` if the file does not need it.
    pub port: Option<u16>,
    /// How long the server is asked to hold a long poll: `{hold}` in the file.
    pub hold: Duration,
}

/// A [`ForeignFeed`] whose templates can be filled.
#[derive(Debug, PartialEq)]
pub struct ForeignTarget {
    feed: ForeignFeed,
    secrets: Secrets,
    /// The headers that are the same in every request.
    shared_headers: HeaderMap,
    /// The headers that differ between subscribers.
    own_headers: HeaderTemplates,
    /// More headers of polls before there is a cursor.
    first_headers: HeaderTemplates,
}

type HeaderTemplates = Vec<(HeaderName, Template)>;

/// More values of placeholders: names and values.
pub(crate) type Values<'v> = &'v [(&'v str, &'v str)];

/// What every table of a transport has.
#[derive(Clone, Copy)]
struct TransportKeys<'f> {
    table: &'static str,
    url: &'f Template,
    /// The key of the URL with a cursor, and its value, which may be empty.
    next_url: Option<(&'static str, &'f Template)>,
    headers: &'f [(String, Template)],
    first_headers: &'f [(String, Template)],
}

impl ForeignTarget {
    /// Checks the keys of the transport, by filling each template for the first subscriber.
    pub(super) fn new(feed: ForeignFeed) -> Result<Self, TargetError> {
        let secrets = Secrets::read(variables(&feed));
        let mut target = Self {
            feed,
            secrets,
            shared_headers: HeaderMap::new(),
            own_headers: Vec::new(),
            first_headers: Vec::new(),
        };
        target.server()?;
        target.prepare_headers()?;
        target.check_texts()?;
        Ok(target)
    }

    /// Returns the server that all URLs of the transport name.
    pub(super) fn server(&self) -> Result<ServerUrl, TargetError> {
        let TransportKeys { url, next_url, .. } = self.keys();
        if url.is_empty() {
            return Err(self.problem("url", "is empty: the target does not have this transport"));
        }
        let server = self.server_of("url", url, &[])?;
        if let Some((key, next)) = next_url.filter(|(_, next)| !next.is_empty()) {
            let other = self.server_of(key, next, &[("cursor", "0")])?;
            if other.authority != server.authority || other.encrypted != server.encrypted {
                return Err(self.problem(key, "names another server than `url`"));
            }
        }
        Ok(server)
    }

    fn server_of(
        &self,
        key: &'static str,
        template: &Template,
        more: Values<'_>,
    ) -> Result<ServerUrl, TargetError> {
        let url = self.try_fill(key, template, more)?;
        parse(&url).map_err(|_| {
            let blanked = self.secrets.blank(&url);
            self.problem(key, format!("is `{blanked}`: expected `http://host:port/path`"))
        })
    }

    /// Sorts the headers into those that differ between subscribers and the others.
    fn prepare_headers(&mut self) -> Result<(), TargetError> {
        let TransportKeys { headers, first_headers, .. } = self.keys();
        let (mut shared, mut own, mut first) = (HeaderMap::new(), Vec::new(), Vec::new());
        for (name, template) in headers {
            let (name, value) = self.header("headers", name, template, &[])?;
            if template.names().any(|name| name == "subscriber") {
                own.push((name, template.clone()));
            } else {
                shared.insert(name, value);
            }
        }
        let now = httpdate::fmt_http_date(std::time::SystemTime::now());
        for (name, template) in first_headers {
            let values = [("http_date", now.as_str())];
            let (name, _) = self.header("first-headers", name, template, &values)?;
            first.push((name, template.clone()));
        }
        let subprotocol = &self.feed.file.websocket.subprotocol;
        if self.feed.transport == Transport::WebSocket && !subprotocol.is_empty() {
            let value = HeaderValue::from_str(subprotocol).map_err(|_| {
                self.problem("subprotocol", format!("is `{subprotocol}`, which no header can hold"))
            })?;
            shared.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        (self.shared_headers, self.own_headers, self.first_headers) = (shared, own, first);
        Ok(())
    }

    fn header(
        &self,
        key: &'static str,
        name: &str,
        template: &Template,
        more: Values<'_>,
    ) -> Result<(HeaderName, HeaderValue), TargetError> {
        let value = self.try_fill(key, template, more)?;
        let problem = |what: &str| self.problem(key, format!("`{name}` has {what} of no header"));
        let field = HeaderName::try_from(name).map_err(|_| problem("the name"))?;
        Ok((field, HeaderValue::try_from(value).map_err(|_| problem("a value"))?))
    }

    /// Checks what is sent over an open connection.
    fn check_texts(&self) -> Result<(), TargetError> {
        let TargetFile { websocket, socket_io, .. } = &*self.feed.file;
        match self.feed.transport {
            Transport::WebSocket => {
                let mut captured: Vec<&str> = vec!["cursor"];
                for step in &websocket.handshake.0 {
                    match step {
                        Step::Send(text) => {
                            let values: Vec<_> = captured.iter().map(|name| (*name, "")).collect();
                            self.try_fill("handshake", text, &values)?;
                        }
                        Step::Expect { capture, .. } => {
                            captured.extend(capture.iter().map(|(name, _)| name.as_str()));
                        }
                    }
                }
                self.try_fill("pong", &websocket.pong, &[]).map(drop)
            }
            Transport::SocketIo if !socket_io.auth.is_empty() => {
                let auth = self.try_fill("auth", &socket_io.auth, &[])?;
                let object: Result<serde_json::Map<String, serde_json::Value>, _> =
                    serde_json::from_str(&auth);
                let expected = |_| self.problem("auth", "is not an object in JSON");
                object.map(drop).map_err(expected)
            }
            Transport::ShortPolling => self.check_cursor(&self.feed.file.short_polling.cursor),
            Transport::LongPolling => self.check_cursor(&self.feed.file.long_polling.cursor),
            Transport::Sse | Transport::SocketIo => Ok(()),
        }
    }

    fn check_cursor(&self, cursor: &PollCursor) -> Result<(), TargetError> {
        match cursor {
            PollCursor::Header(name) if HeaderName::try_from(name.as_str()).is_err() => {
                Err(self.problem("cursor", format!("names `{name}`, which is no header")))
            }
            PollCursor::None
            | PollCursor::Validators
            | PollCursor::Header(_)
            | PollCursor::Pointer(_) => Ok(()),
        }
    }

    fn keys(&self) -> TransportKeys<'_> {
        keys(&self.feed.file, self.feed.transport)
    }

    fn problem(&self, key: &'static str, problem: impl Into<String>) -> TargetError {
        TargetError::File {
            target: self.feed.file.name().to_owned(),
            table: self.keys().table,
            key,
            problem: problem.into(),
        }
    }

    fn try_fill(
        &self,
        key: &'static str,
        template: &Template,
        more: Values<'_>,
    ) -> Result<String, TargetError> {
        self.fill(template, 0, more)
            .map_err(|error| self.problem(key, format!("cannot be filled: {error}")))
    }
}

/// What the client halves use.
impl ForeignTarget {
    /// Returns the target file.
    pub(crate) fn file(&self) -> &TargetFile {
        &self.feed.file
    }

    /// Returns the transport.
    pub(crate) fn transport(&self) -> Transport {
        self.feed.transport
    }

    /// Returns the run whose messages count.
    pub(crate) fn run(&self) -> Epoch {
        self.feed.run
    }

    /// Returns the table of the target file that describes the transport.
    pub(crate) fn table(&self) -> &'static str {
        self.keys().table
    }

    /// Returns a text for a subscriber. `more` are values of further placeholders.
    pub(crate) fn fill(
        &self,
        template: &Template,
        subscriber: u64,
        more: Values<'_>,
    ) -> Result<String, UnknownPlaceholder> {
        let feed = &self.feed;
        template.fill(&mut |name| {
            if let Some((_, value)) = more.iter().find(|(known, _)| *known == name) {
                return Some(Cow::Borrowed(*value));
            }
            match name {
                "port" => feed.port.map(|port| port.to_string().into()),
                "subscriber" => Some(subscriber.to_string().into()),
                "run" => Some(format!("{:016x}", feed.run.0).into()),
                "hold" => Some(feed.hold.as_secs_f64().to_string().into()),
                name => self.secrets.get(name.strip_prefix("env:")?).map(Cow::Borrowed),
            }
        })
    }

    /// Returns the path and query at which a subscriber subscribes, or polls, after `cursor`.
    pub(crate) fn path(&self, subscriber: u64, cursor: Option<&str>) -> String {
        let TransportKeys { url, next_url, .. } = self.keys();
        let next_url = next_url.map(|(_, next)| next).filter(|next| !next.is_empty());
        let (template, cursor) = match (next_url, cursor) {
            (Some(next), Some(cursor)) => (next, utf8_percent_encode(cursor, ENCODED).to_string()),
            _ => (url, String::new()),
        };
        let filled = self.fill(template, subscriber, &[("cursor", &cursor)]);
        let url = filled.expect("the same template was filled when the target was made");
        // Another number of a subscriber, or another encoded cursor, cannot make it invalid.
        parse(&url)
            .ok()
            .and_then(|ServerUrl { uri, .. }| Some(uri.path_and_query()?.to_string()))
            .unwrap_or_else(|| "/".to_owned())
    }

    /// Returns the headers that all subscribers send.
    pub(crate) fn shared_headers(&self) -> &HeaderMap {
        &self.shared_headers
    }

    /// Returns the headers that only this subscriber sends.
    pub(crate) fn own_headers(
        &self,
        subscriber: u64,
    ) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.filled_headers(&self.own_headers, subscriber, &[])
    }

    /// Returns the headers of a poll without a cursor. `http_date` is the time from which on
    /// messages are wanted.
    pub(crate) fn first_headers<'a>(
        &'a self,
        subscriber: u64,
        http_date: Values<'a>,
    ) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.filled_headers(&self.first_headers, subscriber, http_date)
    }

    fn filled_headers<'a>(
        &'a self,
        templates: &'a [(HeaderName, Template)],
        subscriber: u64,
        more: Values<'a>,
    ) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        templates.iter().map(move |(name, template)| {
            let filled = self.fill(template, subscriber, more);
            let value = filled.expect("the same template was filled when the target was made");
            let value = HeaderValue::try_from(value);
            (name.clone(), value.expect("a number and a time do not make a header invalid"))
        })
    }

    /// Returns a text with the name of each variable of the environment in place of its value.
    pub(crate) fn blank(&self, text: &str) -> String {
        self.secrets.blank(text)
    }
}

fn keys(file: &TargetFile, transport: Transport) -> TransportKeys<'_> {
    match transport {
        Transport::ShortPolling => TransportKeys {
            table: "short-polling",
            url: &file.short_polling.url,
            next_url: Some(("next-url", &file.short_polling.next_url)),
            headers: &file.short_polling.headers.0,
            first_headers: &file.short_polling.first_headers.0,
        },
        Transport::LongPolling => TransportKeys {
            table: "long-polling",
            url: &file.long_polling.url,
            next_url: Some(("next-url", &file.long_polling.next_url)),
            headers: &file.long_polling.headers.0,
            first_headers: &file.long_polling.first_headers.0,
        },
        Transport::Sse => TransportKeys {
            table: "sse",
            url: &file.sse.url,
            next_url: Some(("resume-url", &file.sse.resume_url)),
            headers: &file.sse.headers.0,
            first_headers: &[],
        },
        Transport::WebSocket => TransportKeys {
            table: "websocket",
            url: &file.websocket.url,
            next_url: Some(("resume-url", &file.websocket.resume_url)),
            headers: &file.websocket.headers.0,
            first_headers: &[],
        },
        Transport::SocketIo => TransportKeys {
            table: "socket-io",
            url: &file.socket_io.url,
            next_url: None,
            headers: &file.socket_io.headers.0,
            first_headers: &[],
        },
    }
}

/// Returns the names of the environment variables in the keys of the transport.
fn variables(feed: &ForeignFeed) -> impl Iterator<Item = &str> {
    let TransportKeys { url, next_url, headers, first_headers, .. } =
        keys(&feed.file, feed.transport);
    let headers = headers.iter().chain(first_headers).map(|(_, value)| value);
    let TargetFile { websocket, socket_io, .. } = &*feed.file;
    let sent = websocket.handshake.0.iter().filter_map(|step| match step {
        Step::Send(text) => Some(text),
        Step::Expect { .. } => None,
    });
    let next_url = next_url.map(|(_, next)| next);
    let templates = [url, &websocket.pong, &socket_io.auth].into_iter().chain(next_url);
    templates
        .chain(headers)
        .chain(sent)
        .flat_map(Template::names)
        .filter_map(|name| name.strip_prefix("env:"))
}
