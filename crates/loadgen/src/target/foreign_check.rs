//! Checks the keys of a transport in a target file, once for each run, so that subscribing cannot find
//! a mistake in the file.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use wirebench_protocol::Transport;
use wirebench_scenario::TargetFile;
use wirebench_scenario::target::{PollCursor, TargetWebSocket, Template};

use super::error::TargetError;
use super::foreign::{ForeignFeed, ForeignTarget, Values};
use super::left_out::FirstLeftOut;
use super::secrets::Secrets;
use super::server_url::{ServerUrl, parse};
use super::transport_keys::{TransportKeys, variables};

impl ForeignTarget {
    /// Checks the keys of the transport, by filling each template for the first subscriber.
    pub(super) fn new(feed: ForeignFeed) -> Result<Self, TargetError> {
        let secrets = Secrets::read(variables(&feed.file, feed.transport));
        let mut target = Self {
            feed,
            secrets,
            shared_headers: HeaderMap::new(),
            own_headers: Vec::new(),
            first_headers: Vec::new(),
            left_out: FirstLeftOut::default(),
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
            let other = self.server_of(key, next, &self.example_of_resuming())?;
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
                let kept = self.example_of_resuming();
                for (key, steps) in [
                    ("handshake", &websocket.handshake),
                    ("resume-handshake", &websocket.resume_handshake),
                ] {
                    for (_, text) in steps.sent() {
                        self.try_fill(key, text, &kept)?;
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

    /// Returns a value for everything that the server may give to resume from.
    fn example_of_resuming(&self) -> Vec<(&str, &str)> {
        if self.feed.transport != Transport::WebSocket {
            return vec![("cursor", "0")];
        }
        let TargetWebSocket { keep, handshake, resume_handshake, .. } = &self.feed.file.websocket;
        let captured = handshake.captured().chain(resume_handshake.captured());
        let names = captured.map(|(_, name)| name);
        names.chain(keep.0.iter().map(|(name, _)| name.as_str())).map(|name| (name, "0")).collect()
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
