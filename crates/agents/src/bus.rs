//! NATS, as agents and their controller use it: subjects, and requests with a deadline.

use std::time::Duration;

use async_nats::{Client, RequestErrorKind, Subscriber};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wirebench_store::StoreUrl;

use crate::error::AgentsError;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a controller asks which agents are there. Each answers at [`HERE`].
pub(crate) const CALL: &str = "wirebench.agents.call";

/// Where agents announce themselves.
pub(crate) const HERE: &str = "wirebench.agents.here";

/// A connection to NATS.
#[derive(Clone, Debug)]
pub(crate) struct Bus(Client);

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// Nobody is at the subject any more.
    Nobody,
    /// No answer came in time.
    Silence(Duration),
    /// The connection, or what came over it.
    Other(String),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody => formatter.write_str("it is gone: its connection to NATS has ended"),
            Self::Silence(waited) => {
                write!(formatter, "it stalls: it did not answer within {} s", waited.as_secs())
            }
            Self::Other(what) => write!(formatter, "it cannot be reached: {what}"),
        }
    }
}

/// Returns the subject at which an agent takes requests.
pub(crate) fn requests_of(agent: &str) -> String {
    format!("wirebench.agents.{agent}.requests")
}

/// Returns the subject at which an agent reports by itself.
pub(crate) fn reports_of(agent: &str) -> String {
    format!("wirebench.agents.{agent}.reports")
}

impl Bus {
    pub(crate) async fn connect(url: &StoreUrl) -> Result<Self, AgentsError> {
        let client = wirebench_store::connect_nats(url, CONNECT_TIMEOUT).await;
        Ok(Self(client.map_err(AgentsError::Nats)?))
    }

    pub(crate) async fn subscribe(&self, subject: String) -> Result<Subscriber, AgentsError> {
        let answer = self.0.subscribe(subject).await;
        let refused = |found: String| AgentsError::Refused { attempted: "subscribe", found };
        let subscriber = answer.map_err(|error| refused(error.to_string()))?;
        // What is sent from now on arrives.
        self.0.flush().await.map_err(|error| refused(error.to_string()))?;
        Ok(subscriber)
    }

    /// Sends a message to whoever listens.
    pub(crate) async fn publish(
        &self,
        subject: String,
        message: &impl Serialize,
    ) -> Result<(), AgentsError> {
        let refused = |found: String| AgentsError::Refused { attempted: "take a message", found };
        let text = serde_json::to_vec(message).map_err(|error| refused(error.to_string()))?;
        let sent = self.0.publish(subject, text.into()).await;
        sent.map_err(|error| refused(error.to_string()))?;
        self.0.flush().await.map_err(|error| refused(error.to_string()))
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn request<A: DeserializeOwned>(
        &self,
        subject: String,
        request: &impl Serialize,
        deadline: Duration,
    ) -> Result<A, NoAnswer> {
        let other = |error: &dyn std::fmt::Display| NoAnswer::Other(error.to_string());
        let text = serde_json::to_vec(request).map_err(|error| other(&error))?;
        let request = async_nats::Request::new().payload(text.into()).timeout(Some(deadline));
        let answer = self.0.send_request(subject, request).await;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => NoAnswer::Nobody,
            RequestErrorKind::TimedOut => NoAnswer::Silence(deadline),
            _ => other(&error),
        })?;
        serde_json::from_slice(&answer.payload).map_err(|error| other(&error))
    }
}
