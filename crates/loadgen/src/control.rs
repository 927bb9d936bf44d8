//! The client of the server's control API, which does not use the measured connections. It also
//! publishes single messages.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use wirebench_protocol::Published;
use wirebench_protocol::control::{CountWindow, Publisher, PublisherReport, Usage, WindowReport};

use crate::error::error_chain;
use crate::http::{ErrorAnswer, quote};
use crate::target::Target;

/// The maximum time of a call. The control API has a listener of its own, so it answers under load
/// too.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum time of the call that stops a publisher, which waits until the store of the feed has
/// everything. It is longer than the publisher waits.
const STOP_TIMEOUT: Duration = Duration::from_secs(45);

/// A client of the control API of one server.
#[derive(Clone, Debug)]
pub struct ControlClient {
    client: reqwest::Client,
    base: String,
    /// Sent with every call.
    token: String,
}

/// Why a call did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No answer: the server is gone, or does not answer within 5 s.
    #[error("cannot reach `{attempted}`: {}", error_chain(.source))]
    Unreachable {
        /// Method and URL.
        attempted: String,
        /// The error of the connection.
        source: reqwest::Error,
    },
    /// The server refused the call.
    #[error("`{attempted}` was refused with {status}: {error}{}", hint_line(.hint.as_deref()))]
    Refused {
        /// Method and URL.
        attempted: String,
        /// The status of the answer.
        status: StatusCode,
        /// Its `error`.
        error: String,
        /// Its `hint`.
        hint: Option<String>,
    },
    /// The answer has another form than expected.
    #[error("`{attempted}` was answered with `{found}`: {source}")]
    Malformed {
        /// Method and URL.
        attempted: String,
        /// The beginning of the answer.
        found: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A target could not be measured: its process is gone, or it takes no message.
    #[error(transparent)]
    Target(Box<dyn std::error::Error + Send + Sync>),
}

impl ControlClient {
    /// Creates a client of the control API at `base` (`http://host:port`), which requires `token`.
    /// Connects when first used. Proxies named in the environment are not used.
    ///
    /// # Panics
    ///
    /// Never: a client without TLS and proxies has nothing to set up that could fail.
    pub fn new(base: &str, token: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build();
        let client = client.expect("a client without TLS needs nothing from the system");
        Self { client, base: base.trim_end_matches('/').to_owned(), token: token.to_owned() }
    }

    /// Sets the window in which the messages of a feed, and what the store of the server does, are
    /// counted. Returns what was counted so far.
    pub async fn count(
        &self,
        feed: &str,
        window: CountWindow,
    ) -> Result<WindowReport, ControlError> {
        let (method, url) = (Method::PUT, format!("{}/feeds/{feed}/window", self.base));
        self.ask(method, url, |request| request.json(&window)).await
    }

    /// Returns what was counted in the window.
    pub async fn counted(&self, feed: &str) -> Result<WindowReport, ControlError> {
        self.ask(Method::GET, format!("{}/feeds/{feed}/window", self.base), |request| request).await
    }

    /// Starts a publisher on a feed, which publishes at a fixed pace.
    pub async fn start_publisher(
        &self,
        feed: &str,
        publisher: &Publisher,
    ) -> Result<(), ControlError> {
        let (method, url) = (Method::POST, format!("{}/feeds/{feed}/publisher", self.base));
        self.send(method, url, |request| request.json(publisher)).await.map(|_| ())
    }

    /// Stops the publisher of a feed and waits until it has stopped.
    pub async fn stop_publisher(&self, feed: &str) -> Result<PublisherReport, ControlError> {
        let (method, url) = (Method::DELETE, format!("{}/feeds/{feed}/publisher", self.base));
        self.ask(method, url, |request| request.timeout(STOP_TIMEOUT)).await
    }

    /// Returns what the server process has used so far.
    pub async fn usage(&self) -> Result<Usage, ControlError> {
        self.ask(Method::GET, format!("{}/usage", self.base), |request| request).await
    }

    /// Publishes one message, any JSON text, to the feed of `target`. This needs no token.
    pub async fn publish(
        &self,
        target: &Target,
        payload: String,
    ) -> Result<Published, ControlError> {
        let url = format!("http://{}/feeds/{}/messages", target.authority, target.feed);
        self.ask(Method::POST, url, |request| {
            request.header(reqwest::header::CONTENT_TYPE, "application/json").body(payload)
        })
        .await
    }

    /// Sends a request and parses the answer.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        url: String,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<T, ControlError> {
        let (attempted, body) = self.send(method, url, with).await?;
        serde_json::from_str(&body).map_err(|source| {
            let found = quote(&body);
            ControlError::Malformed { attempted, found, source }
        })
    }

    /// Sends a request. Returns what was attempted and the body of the answer, if it is a success.
    async fn send(
        &self,
        method: Method,
        url: String,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<(String, String), ControlError> {
        let attempted = format!("{method} {url}");
        let mut request = self.client.request(method, &url);
        // The token is for the control API only, not for the server of the feed.
        if url.starts_with(&self.base) {
            request = request.bearer_auth(&self.token);
        }
        let answer = async {
            let answer = with(request).send().await?;
            Ok((answer.status(), answer.text().await?))
        };
        let (status, body) = match answer.await {
            Ok(answer) => answer,
            Err(source) => return Err(ControlError::Unreachable { attempted, source }),
        };
        if status.is_success() {
            return Ok((attempted, body));
        }
        let ErrorAnswer { error, hint } = ErrorAnswer::parse(body.as_bytes());
        Err(ControlError::Refused { attempted, status, error, hint })
    }
}

impl ControlError {
    /// Returns true if the call was connected and got no answer in time.
    pub(crate) fn is_timeout(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => source.is_timeout() && !source.is_connect(),
            Self::Refused { .. } | Self::Malformed { .. } | Self::Target(_) => false,
        }
    }
}

fn hint_line(hint: Option<&str>) -> String {
    hint.map(|hint| format!("\n\n{hint}")).unwrap_or_default()
}
