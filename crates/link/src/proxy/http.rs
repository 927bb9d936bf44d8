//! Proxies that pass HTTP/1.1 requests on, and what comes back, one connection for one.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::buffering::Blocks;

/// What a proxy does to what it passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpMisbehaviour {
    /// Holds responses back.
    Buffer,
    /// Takes `Upgrade` out of requests.
    StripUpgrade,
    /// Closes after each response.
    Close,
}

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Both ends of a connection that has been upgraded.
type Tunnel = (OnUpgrade, OnUpgrade);

/// How long a client may take to send the request that is answered with `502`, and to take the answer.
const REFUSE: Duration = Duration::from_secs(10);

/// Relays until either side is done. Calls `failed` for each request that the server does not answer.
pub(super) async fn relay(
    client: TcpStream,
    server: TcpStream,
    manners: HttpMisbehaviour,
    failed: impl Fn(&dyn Display),
) -> io::Result<()> {
    let (sender, upstream) =
        client::conn::http1::handshake(TokioIo::new(server)).await.map_err(io::Error::other)?;
    // Requests of one connection come one after the other: nobody ever waits for the lock.
    let sender = tokio::sync::Mutex::new(sender);
    let tunnel = Mutex::new(None);
    let service = hyper::service::service_fn(async |request| {
        let answer = pass_on(request, &mut *sender.lock().await, manners, &tunnel).await;
        Ok::<_, std::convert::Infallible>(answer.unwrap_or_else(|error| {
            failed(&error);
            bad_gateway(&error)
        }))
    });
    let serving = server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(client), service)
        .with_upgrades();
    let (mut serving, mut upstream) = (pin!(serving), pin!(upstream.with_upgrades()));
    let mut upstream_is_over = false;
    loop {
        tokio::select! {
            // An error is a peer that went away, which is what ends a connection.
            _ = &mut serving => break,
            _ = &mut upstream, if !upstream_is_over => {
                upstream_is_over = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
    let opened = tunnel.lock().take();
    let Some((downward, upward)) = opened else { return Ok(()) };
    let opening = async { tokio::try_join!(downward, upward) };
    let mut opening = pin!(opening);
    let (downward, upward) = loop {
        tokio::select! {
            opened = &mut opening => break opened.map_err(io::Error::other)?,
            _ = &mut upstream, if !upstream_is_over => upstream_is_over = true,
        }
    };
    let (mut downward, mut upward) = (TokioIo::new(downward), TokioIo::new(upward));
    tokio::io::copy_bidirectional(&mut downward, &mut upward).await?;
    Ok(())
}

async fn pass_on(
    mut request: Request<Incoming>,
    sender: &mut client::conn::http1::SendRequest<Incoming>,
    manners: HttpMisbehaviour,
    tunnel: &Mutex<Option<Tunnel>>,
) -> Result<Response<Body>, hyper::Error> {
    if manners == HttpMisbehaviour::StripUpgrade && request.headers_mut().remove(UPGRADE).is_some()
    {
        request.headers_mut().remove(CONNECTION);
    }
    let downward = hyper::upgrade::on(&mut request);
    sender.ready().await?;
    let mut response = sender.send_request(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let upward = hyper::upgrade::on(&mut response);
        *tunnel.lock() = Some((downward, upward));
        return Ok(response.map(BodyExt::boxed_unsync));
    }
    Ok(match manners {
        HttpMisbehaviour::StripUpgrade => response.map(BodyExt::boxed_unsync),
        HttpMisbehaviour::Buffer => {
            let (head, body) = response.into_parts();
            Response::from_parts(head, Blocks::begin(body).await?.boxed_unsync())
        }
        HttpMisbehaviour::Close => {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response.map(BodyExt::boxed_unsync)
        }
    })
}

/// Answers one request with `502`: the server at `upstream` cannot be reached.
pub(super) async fn refuse(
    client: TcpStream,
    upstream: SocketAddr,
    error: &io::Error,
) -> io::Result<()> {
    let reason = format!("cannot connect to `{upstream}`: {error}");
    let service = hyper::service::service_fn(async |_: Request<Incoming>| {
        Ok::<_, std::convert::Infallible>(bad_gateway(&reason))
    });
    let answering = server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(client), service);
    let answered = tokio::time::timeout(REFUSE, answering).await;
    answered.map_err(|_| io::ErrorKind::TimedOut)?.map_err(io::Error::other)
}

/// The answer when the server gives none.
fn bad_gateway(error: &dyn Display) -> Response<Body> {
    let text = format!("the proxy has no answer: {error}\n");
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
