//! Publishes over HTTP, by a request for each message.

use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use wirebench_scenario::target::{PublishTable, Template};

use super::message::{OutgoingMessage, PublishOutcome, quote};
use crate::failure::TargetFailure;
use crate::http_endpoint::{ExchangeError, HttpEndpoint, HttpReply, bare_request};
use crate::values::PlaceholderValues;

/// The requests of a target that publish, and the connection that carries them.
#[derive(Debug)]
pub(crate) struct HttpRoute {
    table: PublishTable,
    values: PlaceholderValues,
    method: Method,
    endpoint: HttpEndpoint,
}

impl HttpRoute {
    /// Resolves the host.
    ///
    /// # Errors
    ///
    /// A placeholder has no value, the method is none, or the host has no address.
    pub(super) async fn of(
        table: &PublishTable,
        values: PlaceholderValues,
    ) -> Result<Self, TargetFailure> {
        let method = table
            .method
            .parse()
            .map_err(|_| TargetFailure::Request { what: "method", text: table.method.clone() })?;
        let url = Self::url(table, &values, &OutgoingMessage::sample())?;
        let endpoint = HttpEndpoint::of(&url).await.map_err(|source| TargetFailure::Url {
            key: "publish.url",
            url: values.shown(&table.url),
            source,
        })?;
        Ok(Self { table: table.clone(), values, method, endpoint })
    }

    fn url(
        table: &PublishTable,
        values: &PlaceholderValues,
        message: &OutgoingMessage,
    ) -> Result<Uri, TargetFailure> {
        let filled = values.fill_with(&table.url, &|name| message.value(name))?;
        filled
            .parse()
            .map_err(|_| TargetFailure::Request { what: "URL", text: values.shown(&table.url) })
    }

    /// Publishes a message.
    ///
    /// # Errors
    ///
    /// The request cannot be written.
    pub(super) async fn publish(
        &mut self,
        message: &OutgoingMessage,
    ) -> Result<PublishOutcome, TargetFailure> {
        let url = Self::url(&self.table, &self.values, message)?;
        let body = self.values.fill_with(&self.table.body, &|name| message.value(name))?;
        let mut request = bare_request(self.method.clone(), &url, Bytes::from(body));
        for (name, template) in &self.table.headers.0 {
            let invalid = |what| TargetFailure::Request { what, text: self.values.shown(template) };
            let filled = self.values.fill_with(template, &|name| message.value(name))?;
            let value = HeaderValue::from_str(&filled).map_err(|_| invalid("header value"))?;
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| TargetFailure::Request { what: "header name", text: name.clone() })?;
            request.headers_mut().insert(name, value);
        }
        Ok(match self.endpoint.exchange(request).await {
            Ok(reply) if self.accepts(&reply) => PublishOutcome::Accepted,
            Ok(reply) => PublishOutcome::Refused(self.was_answered(message, &reply)),
            Err(ExchangeError::NotConnected(error)) => {
                PublishOutcome::Refused(self.sent(message, &format!("found no server: {error}")))
            }
            Err(ExchangeError::Broken(why)) => {
                let why = self.values.without_secrets(&why);
                PublishOutcome::Unanswered(
                    self.sent(message, &format!("lost its connection: {why}")),
                )
            }
            Err(ExchangeError::TimedOut) => {
                PublishOutcome::Unanswered(self.sent(message, "was not answered within 10 s"))
            }
        })
    }

    fn accepts(&self, reply: &HttpReply) -> bool {
        let PublishTable { accepted, refused, .. } = &self.table;
        self.accepts_status(reply.status)
            && (accepted.is_empty() || accepted.matches(&reply.text))
            && (refused.is_empty() || !refused.matches(&reply.text))
    }

    fn accepts_status(&self, status: StatusCode) -> bool {
        let ok = &self.table.ok.0;
        if ok.is_empty() { status.is_success() } else { ok.contains(&status.as_u16()) }
    }

    fn was_answered(&self, message: &OutgoingMessage, reply: &HttpReply) -> String {
        let text = quote(&self.values.without_secrets(&reply.text));
        let text = if text.is_empty() { String::new() } else { format!(", `{text}`") };
        let PublishTable { accepted, refused, .. } = &self.table;
        let expected = if self.accepts_status(reply.status) {
            let patterns = [("", accepted, "accepted"), ("not ", refused, "refused")];
            let patterns = patterns.into_iter().filter(|(_, pattern, _)| !pattern.is_empty());
            let patterns =
                patterns.map(|(not, pattern, key)| format!("{not}`{}` (`{key}`)", pattern.text()));
            patterns.collect::<Vec<_>>().join(" and ")
        } else if self.table.ok.0.is_empty() {
            "a status from 200 to 299".to_owned()
        } else {
            let statuses: Vec<_> = self.table.ok.0.iter().map(u16::to_string).collect();
            format!("one of the statuses {}", statuses.join(", "))
        };
        self.sent(
            message,
            &format!("was answered with {}{text}: expected {expected}", reply.status),
        )
    }

    /// Says what was sent, without secrets, and what came of it.
    fn sent(&self, message: &OutgoingMessage, outcome: &str) -> String {
        let shown =
            |template: &Template| self.values.shown_with(template, &|name| message.value(name));
        let mut headers = String::new();
        for (name, value) in &self.table.headers.0 {
            let _ = write!(headers, ", `{name}: {}`", shown(value));
        }
        let body = quote(&shown(&self.table.body));
        format!(
            "`{} {}`{headers} with the body `{body}` {outcome}",
            self.method,
            shown(&self.table.url)
        )
    }
}
