//! HTTP/1.1 and HTTP/2 over one connection.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::either::Either;
use tower::Service;
use wirebench_protocol::{HttpStack, STREAMS_PER_CONNECTION, Transport};

use super::activity::ConnectionActivity;
use super::client_slot::ClientSlot;
use super::deadline::ConnectionDeadline;
use super::plain::{PlainConnection, PlainEnd};
use super::preface::Rewound;
use super::request_context::RequestContext;
use super::slow_stream::{self, MeteredBody};
use super::{host, late_head};
use crate::api_error::ApiError;
use crate::layer::Io;
use crate::metrics::CloseReason;
use crate::task_phase::TaskPhase;
use crate::wake_flag::WakeFlag;

/// The number of bytes that a stream may have under way before the peer acknowledges them; a
/// connection has room for all of its streams. Far more than a feed sends in a round trip, so that
/// flow control holds back slow readers and nobody else.
const STREAM_WINDOW: u32 = 1 << 20;

/// The smallest read buffer that hyper allows over HTTP/1.1.
const MIN_HEAD_BUFFER: usize = 8 << 10;

/// What answers the requests of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct App {
    pub(crate) router: Router,
    /// Who reads requests over HTTP/1.1 and writes their answers.
    pub(crate) http_stack: HttpStack,
}

/// A connection that speaks HTTP, and what is added to each of its requests.
pub(super) struct AcceptedConnection {
    app: App,
    peer: SocketAddr,
    activity: Arc<ConnectionActivity>,
    /// The extensions that the layer adds to every request of this connection.
    extensions: Option<Extensions>,
    /// The layer is not under this connection, which ends with the first answer that hyper gives.
    ends_with_answer: bool,
}

/// Runs the streams of an HTTP/2 connection as tasks that the server waits for.
#[derive(Clone, Debug)]
struct StreamExecutor {
    peer: SocketAddr,
    activity: Arc<ConnectionActivity>,
}

impl<F: Future + Send + 'static> hyper::rt::Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        let server = self.activity.server();
        let watched = slow_stream::watch(stream, server.limits.write_time);
        let Self { peer, activity } = self.clone();
        server.spawn(async move {
            if !watched.await {
                let transport = activity.transport();
                activity.server().metrics.connections.stream_reset(transport);
                let transport = transport.map(Transport::name);
                tracing::warn!(%peer, transport, "a stream was reset: its reader took too little");
            }
        });
    }
}

impl AcceptedConnection {
    pub(super) fn new(app: App, peer: SocketAddr, activity: Arc<ConnectionActivity>) -> Self {
        Self { app, peer, activity, extensions: None, ends_with_answer: false }
    }

    pub(super) fn activity(&self) -> &ConnectionActivity {
        &self.activity
    }

    /// Returns the phase that serves the connection.
    pub(super) fn serve(mut self, stream: Rewound<impl Io>, http2: bool) -> TaskPhase {
        if http2 {
            let stream = self.over_layer(stream);
            TaskPhase::last(self.serve_http2(stream))
        } else if self.answers_plain_requests() {
            self.serve_plain(stream)
        } else {
            let stream = self.over_layer(stream);
            TaskPhase::last(self.serve_hyper1(stream))
        }
    }

    /// Puts the layer of the server under the rest of the connection, if there is one.
    fn over_layer<S: Io>(&mut self, stream: S) -> Either<S, Box<dyn Io>> {
        let server = Arc::clone(self.activity.server());
        let Some(layer) = &server.layer else { return Either::Left(stream) };
        let extensions = self.extensions.insert(Extensions::new());
        Either::Right(layer.wrap(Box::new(stream), extensions))
    }

    /// Answers plain requests, and hands the connection to hyper at the first other one. From there
    /// on, the layer of the server is under the connection, unless it leaves HTTP with that request
    /// and does not concern the layer.
    fn serve_plain(mut self, stream: Rewound<impl Io>) -> TaskPhase {
        let mut plain = PlainConnection::new(stream, Arc::clone(&self.activity));
        TaskPhase::new(async move {
            let end = {
                let mut serving = pin!(plain.serve());
                // Nothing is under way when it is told, so it may be dropped.
                self.drive(serving.as_mut(), |_| ShutDown::Dropped, false).await
            };
            Some(match end {
                Ok(PlainEnd::NotPlain) => {
                    let stream = self.over_layer(plain.into_stream());
                    TaskPhase::last(self.serve_hyper1(stream))
                }
                Ok(PlainEnd::Upgrade) => {
                    // If the other protocol is refused, a later request could concern the layer.
                    self.ends_with_answer = self.activity.server().layer.is_some();
                    let stream = Either::<_, Box<dyn Io>>::Left(plain.into_stream());
                    TaskPhase::last(self.serve_hyper1(stream))
                }
                Err(CloseReason::SlowHead) => TaskPhase::last(async move {
                    late_head::answer(plain.into_stream(), &self.activity, self.peer).await;
                }),
                Ok(PlainEnd::Closed) | Err(_) => TaskPhase::last(plain.close()),
            })
        })
    }

    /// Returns false if hyper has to read every request of the connection: because the server is
    /// told so, or because answers depend on the connection in ways that only that path knows.
    fn answers_plain_requests(&self) -> bool {
        let server = self.activity.server();
        self.app.http_stack == HttpStack::Own
            && !self.activity.is_refused()
            && !self.activity.is_proxied()
            && !server.access.answers_other_origins()
    }

    async fn serve_hyper1(self, stream: impl Io) {
        let head_bytes = self.activity.server().limits.head_bytes;
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // `ConnectionDeadline` tells a slow head from an idle connection; hyper does not.
            .header_read_timeout(None)
            .max_buf_size(head_bytes.max(MIN_HEAD_BUFFER))
            .writev(false)
            .serve_connection(TokioIo::new(stream), service_fn(|request| self.answer(request)))
            .with_upgrades();
        // When hyper is told to shut down, it closes a connection between two requests, perhaps
        // under the second of them. So it is told only when no further request is expected. Until
        // then, `answer` marks the last answer of the connection.
        let shut_down = |connection: Pin<&mut http1::UpgradeableConnection<_, _>>| {
            connection.graceful_shutdown();
            ShutDown::Told
        };
        let end = self.drive(Pin::new(&mut connection), shut_down, false).await;
        if matches!(end, Err(CloseReason::SlowHead))
            && let Some(parts) = connection.into_parts()
        {
            // On the heap: it holds a buffer, which would make every connection larger.
            let stream = parts.io.into_inner();
            Box::pin(late_head::answer(stream, &self.activity, self.peer)).await;
        }
    }

    async fn serve_http2(self, stream: impl Io) {
        let limits = &self.activity.server().limits;
        let executor = StreamExecutor { peer: self.peer, activity: Arc::clone(&self.activity) };
        let connection = http2::Builder::new(executor)
            .timer(TokioTimer::new())
            .enable_connect_protocol()
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW.saturating_mul(STREAMS_PER_CONNECTION))
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            // A peer that vanished does not answer these pings.
            .keep_alive_interval(limits.idle_time)
            .keep_alive_timeout(limits.head_time)
            .serve_connection(TokioIo::new(stream), service_fn(|request| self.answer(request)));
        // GOAWAY tells the peer which requests are still answered, so that none is cut off.
        let shut_down = |connection: Pin<&mut http2::Connection<_, _, _>>| {
            connection.graceful_shutdown();
            ShutDown::Told
        };
        let _ = self.drive(pin!(connection), shut_down, true).await;
    }

    /// Answers one request. A request that may not be served is refused before any route sees it.
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        let active = ConnectionActivity::begin_request(&self.activity);
        self.activity.server().count_request();
        let version = request.version();
        let ends_with_answer = self.ends_with_answer;
        let admitted = self.admit(&request);
        let slot = admitted.as_ref().ok().cloned().flatten();
        let answer = admitted.map(|slot| {
            let mut request = request.map(Body::new);
            self.add_extensions(request.extensions_mut(), slot);
            self.app.router.clone().call(request)
        });
        async move {
            let mut answer = match answer {
                Ok(answer) => answer.await?,
                Err(error) => error.into_response(),
            };
            if version > Version::HTTP_11 {
                answer = answer.map(MeteredBody::wrap);
            } else if ends_with_answer || active.server_is_stopping() {
                mark_as_last(&mut answer);
            }
            drop((active, slot));
            Ok(answer)
        }
    }

    /// Checks a request. Behind a trusted proxy, the request counts as a connection of its client.
    fn admit(&self, request: &Request<Incoming>) -> Result<Option<Arc<ClientSlot>>, ApiError> {
        if self.activity.is_refused() {
            return Err(ApiError::too_many_connections());
        }
        host::check(request.version(), request.headers())?;
        if !self.activity.is_proxied() {
            return Ok(None);
        }
        let server = self.activity.server();
        ClientSlot::take(server, self.peer.ip(), request.headers()).map(Some)
    }

    /// Adds what handlers may know of the connection.
    fn add_extensions(&self, request: &mut Extensions, slot: Option<Arc<ClientSlot>>) {
        if let Some(extensions) = &self.extensions {
            request.extend(extensions.clone());
        }
        let client = slot.as_ref().map_or(self.peer, |slot| SocketAddr::new(slot.address, 0));
        request.insert(ConnectInfo(client));
        request.insert(RequestContext::new(Arc::clone(&self.activity), slot));
    }

    /// Polls the connection until it ends or its deadline passes, which is an error with the reason.
    ///
    /// While the server stops, `shut_down` lets the connection end after the requests that are
    /// under way: over HTTP/2 at once, over HTTP/1.1 when no further request is expected.
    async fn drive<C: Future + ?Sized>(
        &self,
        mut connection: Pin<&mut C>,
        shut_down: impl Fn(Pin<&mut C>) -> ShutDown,
        http2: bool,
    ) -> Result<C::Output, CloseReason> {
        let server = self.activity.server();
        let mut stopping = pin!(server.stopping());
        let (mut stop_flag, mut is_shut_down) = (WakeFlag::default(), false);
        let mut deadline = ConnectionDeadline::new(http2);
        poll_fn(|context| {
            // An error at the end is the peer's: it closed or spoke no HTTP. hyper has answered it.
            if let Poll::Ready(end) = connection.as_mut().poll(context) {
                return Poll::Ready(Ok(end));
            }
            // After the connection was polled, so that a request that has come is still answered.
            if !deadline.is_stopped()
                && stop_flag.poll(context, |context| stopping.as_mut().poll(context)).is_ready()
            {
                self.activity.set_close_reason(CloseReason::Stopped);
                deadline.stop();
            }
            let passed = deadline.poll(context, &self.activity, &server.limits);
            if !deadline.is_stopped() || passed == Poll::Ready(CloseReason::SlowHead) {
                return passed.map(|reason| {
                    self.activity.set_close_reason(reason);
                    Err(reason)
                });
            }
            if !is_shut_down && (http2 || passed.is_ready()) {
                is_shut_down = true;
                return match shut_down(connection.as_mut()) {
                    // An answer that is being written is sent to its end. Then the connection ends.
                    ShutDown::Told => connection.as_mut().poll(context).map(Ok),
                    ShutDown::Dropped => Poll::Ready(Err(CloseReason::Stopped)),
                };
            }
            Poll::Pending
        })
        .await
    }
}

/// How a connection is ended when the server stops and no further request is expected.
enum ShutDown {
    /// It was told to, and ends by itself.
    Told,
    /// It has nothing under way, and is dropped.
    Dropped,
}

/// Says in the answer that the connection closes after it. A switch to another protocol is not
/// followed by anything that could close.
fn mark_as_last(answer: &mut Response<Body>) {
    const CLOSE: HeaderValue = HeaderValue::from_static("close");
    let is_marked = answer.headers().get_all(header::CONNECTION).iter().any(|value| value == CLOSE);
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS && !is_marked {
        answer.headers_mut().append(header::CONNECTION, CLOSE);
    }
}
