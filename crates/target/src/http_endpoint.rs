//! One connection for requests over HTTP/1.1, one after the other. It is opened for the first one,
//! and again when the server has closed it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use wirebench_loadgen::{Dialer, Target, TargetError};
use wirebench_scenario::LinkSettings;

/// How long the answer to a request may take, without opening the connection.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How much of an answer is read. A longer one ends its connection.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// A server to which requests go.
#[derive(Debug)]
pub(crate) struct HttpEndpoint {
    target: Target,
    dialer: Dialer,
    open: Option<OpenConnection>,
}

/// A connection, and the task that moves its bytes.
#[derive(Debug)]
struct OpenConnection {
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct HttpReply {
    pub(crate) status: StatusCode,
    /// The body.
    pub(crate) text: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ExchangeError {
    /// The server did not take the connection: it has not got the request.
    NotConnected(io::Error),
    /// The connection broke before the answer was complete. The server may have got the request.
    Broken(String),
    /// There was no answer in time. The server may have got the request.
    TimedOut,
}

impl HttpEndpoint {
    /// Resolves the host of a URL.
    ///
    /// # Errors
    ///
    /// The scheme is none of HTTP, or the host has no address.
    pub(crate) async fn of(url: &Uri) -> Result<Self, TargetError> {
        let (scheme, authority) = (url.scheme_str(), url.authority());
        let root = format!(
            "{}://{}",
            scheme.unwrap_or_default(),
            authority.map_or("", |authority| authority.as_str())
        );
        let target = Target::resolve(&root).await?;
        // Requests to publish cross no emulated link, as in wirebench's own server.
        let dialer = Dialer::new(LinkSettings::default(), 0);
        Ok(Self { target, dialer, open: None })
    }

    /// Sends a request and reads its answer. A connection that the server has closed since the last
    /// request is opened again.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<HttpReply, ExchangeError> {
        if let Some(connection) = self.open.take().filter(|open| !open.sender.is_closed()) {
            match self.over(connection, request.clone()).await {
                // It was closed before the request was written.
                Err(Exchange::NotSent) => {}
                Err(Exchange::Failed(error)) => return Err(error),
                Ok(reply) => return Ok(reply),
            }
        }
        let connection = self.connect().await.map_err(ExchangeError::NotConnected)?;
        self.over(connection, request).await.map_err(|error| match error {
            Exchange::NotSent => ExchangeError::NotConnected(io::ErrorKind::ConnectionReset.into()),
            Exchange::Failed(error) => error,
        })
    }

    async fn connect(&self) -> io::Result<OpenConnection> {
        let socket = self.dialer.connect(&self.target, 1).await?;
        let (sender, connection) =
            handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
        // How it ends shows in the request that is under way.
        let driver = tokio::spawn(async { drop(connection.await) });
        Ok(OpenConnection { sender, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Sends a request over a connection, and keeps it for the next one.
    async fn over(
        &mut self,
        mut connection: OpenConnection,
        request: Request<Full<Bytes>>,
    ) -> Result<HttpReply, Exchange> {
        let answered = async {
            let answer = connection.sender.send_request(request).await?;
            Ok(read(answer).await)
        };
        let failed = |error| Err(Exchange::Failed(error));
        let error: hyper::Error = match timeout(ANSWER_TIME, answered).await {
            Ok(Ok(Ok(reply))) => {
                self.open = Some(connection);
                return Ok(reply);
            }
            Ok(Ok(Err(broken))) => return failed(ExchangeError::Broken(broken)),
            Ok(Err(error)) => error,
            Err(_) => return failed(ExchangeError::TimedOut),
        };
        if error.is_canceled() {
            return Err(Exchange::NotSent);
        }
        failed(ExchangeError::Broken(words(&error)))
    }
}

/// Why a connection has brought no answer.
enum Exchange {
    /// The request was not written.
    NotSent,
    Failed(ExchangeError),
}

/// Reads the whole body, so that the connection can carry another request.
async fn read(answer: Response<Incoming>) -> Result<HttpReply, String> {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
    let bytes = body.map_err(|error| words(&*error))?.to_bytes();
    Ok(HttpReply { status, text: String::from_utf8_lossy(&bytes).trim().to_owned() })
}

/// Returns an error and its causes on one line.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Returns a request without headers but `Host`, in the form that a server expects.
pub(crate) fn bare_request(method: Method, url: &Uri, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().expect("the path of a URL is a URL");
    let host = url.authority().map_or("", |authority| authority.as_str());
    if let Ok(host) = HeaderValue::from_str(host) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}
