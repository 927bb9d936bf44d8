//! Waits until a server is ready: for an answer, for a line of its output, or for its port.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Uri};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use wirebench_scenario::target::ProcessTable;

use crate::failure::TargetFailure;
use crate::http_endpoint::{HttpEndpoint, bare_request};
use crate::values::PlaceholderValues;

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// How long one question may take. A server that is starting may accept and not answer.
const QUESTION_TIME: Duration = Duration::from_secs(2);

/// What shows that a server is ready.
#[derive(Debug)]
pub(super) enum Readiness {
    /// A `GET` is answered with a status below 500.
    Answer(Uri),
    /// A line with this text is in its standard output.
    Line(String),
    /// This port of the machine accepts connections.
    Port(u16),
}

impl Readiness {
    /// Returns what the target file says.
    ///
    /// # Errors
    ///
    /// A placeholder has no value, or the URL is none.
    pub(super) fn of(
        process: &ProcessTable,
        values: &PlaceholderValues,
        port: u16,
    ) -> Result<Self, TargetFailure> {
        if !process.ready_line.is_empty() {
            return Ok(Self::Line(process.ready_line.clone()));
        }
        if process.ready_url.is_empty() {
            return Ok(Self::Port(port));
        }
        let url = values.fill(&process.ready_url)?.parse();
        url.map(Self::Answer).map_err(|_| TargetFailure::Request {
            what: "URL",
            text: values.shown(&process.ready_url),
        })
    }

    /// Returns what a line of standard output has to contain. `None` if no line shows it.
    pub(super) fn line(&self) -> Option<String> {
        match self {
            Self::Line(text) => Some(text.clone()),
            Self::Answer(_) | Self::Port(_) => None,
        }
    }

    /// Returns what it waits for, in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Answer(url) => format!("for an answer below 500 from {url}"),
            Self::Line(text) => format!("for a line with `{text}` on its standard output"),
            Self::Port(port) => format!("for it to accept connections on port {port}"),
        }
    }

    /// Waits until the server is ready. `shown` becomes true when a line has shown it.
    pub(super) async fn wait(&self, mut shown: watch::Receiver<bool>) {
        match self {
            // The sender is gone if the output has ended. Whoever waits notices that the process has.
            Self::Line(_) => {
                if shown.wait_for(|shown| *shown).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            Self::Port(port) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                while !accepts(address).await {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Self::Answer(url) => {
                while !answers(url).await {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn accepts(address: SocketAddr) -> bool {
    let connected = timeout(QUESTION_TIME, TcpStream::connect(address)).await;
    // A socket that is connected to itself is no server's.
    matches!(connected, Ok(Ok(socket)) if socket.local_addr().ok() != socket.peer_addr().ok())
}

async fn answers(url: &Uri) -> bool {
    let asked = async {
        let mut endpoint = HttpEndpoint::of(url).await.ok()?;
        let request = bare_request(Method::GET, url, Bytes::new());
        endpoint.exchange(request).await.ok()
    };
    let answer = timeout(QUESTION_TIME, asked).await;
    matches!(answer, Ok(Some(reply)) if !reply.status.is_server_error())
}
