//! A feed of a target server, as a target file describes it: what is sent, with every placeholder
//! filled.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wirebench_protocol::{Epoch, Transport};
use wirebench_scenario::TargetFile;
use wirebench_scenario::target::{TargetWebSocket, Template, UnknownPlaceholder};

use super::left_out::FirstLeftOut;
use super::secrets::Secrets;
use super::server_url::{ServerUrl, parse};
use super::transport_keys::TransportKeys;

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

/// A [`ForeignFeed`] whose templates can be filled, as `foreign_check` makes sure.
#[derive(Debug, PartialEq)]
pub struct ForeignTarget {
    pub(super) feed: ForeignFeed,
    pub(super) secrets: Secrets,
    /// The headers that are the same in every request.
    pub(super) shared_headers: HeaderMap,
    /// The headers that differ between subscribers.
    pub(super) own_headers: HeaderTemplates,
    /// More headers of polls before there is a cursor.
    pub(super) first_headers: HeaderTemplates,
    pub(super) left_out: FirstLeftOut,
}

pub(super) type HeaderTemplates = Vec<(HeaderName, Template)>;

/// More values of placeholders: names and values.
pub(crate) type Values<'v> = &'v [(&'v str, &'v str)];

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

    pub(super) fn keys(&self) -> TransportKeys<'_> {
        TransportKeys::of(&self.feed.file, self.feed.transport)
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

    /// Returns the path and query at which a subscriber subscribes, or polls. `resumed`: what the
    /// server has given to resume from.
    pub(crate) fn path(&self, subscriber: u64, resumed: Option<Values<'_>>) -> String {
        let TransportKeys { url, next_url, .. } = self.keys();
        let next_url = next_url.map(|(_, next)| next).filter(|next| !next.is_empty());
        let (template, given) = next_url.zip(resumed).unwrap_or((url, &[]));
        let encoded: Vec<_> = given
            .iter()
            .map(|(name, value)| (*name, utf8_percent_encode(value, ENCODED).to_string()))
            .collect();
        let encoded: Vec<_> = encoded.iter().map(|(name, value)| (*name, &**value)).collect();
        let filled = self.fill(template, subscriber, &encoded);
        let url = filled.expect("the same template was filled when the target was made");
        // Another number of a subscriber, or another encoded cursor, cannot make it invalid.
        parse(&url)
            .ok()
            .and_then(|ServerUrl { uri, .. }| Some(uri.path_and_query()?.to_string()))
            .unwrap_or_else(|| "/".to_owned())
    }

    /// Returns true if a connection over a WebSocket can resume: the target file says how, and the
    /// server has given all that it names.
    pub(crate) fn resumes(&self, given: Values<'_>) -> bool {
        let TargetWebSocket { resume_url, resume_handshake, keep, handshake, .. } =
            &self.feed.file.websocket;
        let is_kept = |name: &&str| {
            let captured = handshake.captured().any(|(_, captured)| captured == *name);
            captured || keep.0.iter().any(|(kept, _)| kept == *name)
        };
        let mut needed = resume_url.names().chain(resume_handshake.needed()).filter(is_kept);
        let is_given = |name: &str| given.iter().any(|(known, _)| *known == name);
        (!resume_url.is_empty() || !resume_handshake.0.is_empty()) && needed.all(is_given)
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

    /// Called with each text that the target file does not select. `words` says for the first one
    /// what it was and what is selected.
    pub(crate) fn note_left_out(&self, words: impl FnOnce() -> String) {
        self.left_out.note(|| self.blank(&words()));
    }

    /// Returns what was left out first, and what is selected, in words. `None`: nothing was.
    pub fn first_left_out(&self) -> Option<&str> {
        self.left_out.words()
    }

    /// Returns a text with the name of each variable of the environment in place of its value.
    pub(crate) fn blank(&self, text: &str) -> String {
        self.secrets.blank(text)
    }
}
