//! Proxies that pass on HTTP/1.1 requests and responses, one connection to the server for each
//! client connection.

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

use super::blocks::BlockBody;

/// What a proxy does to the requests and responses that it passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpMisbehaviour {
    /// Holds responses back.
    Buffer,
    /// Removes `Upgrade` from requests.
    StripUpgrade,
    /// Closes the connection after each response.
    Close,
}

type ProxyBody = UnsyncBoxBody<Bytes, hyper::Error>;

/// The client's and the server's end of a connection that was upgraded.
type UpgradedEnds = (OnUpgrade, OnUpgrade);

/// How long a client may take to send the request that is answered with `502`, and to read the
/// answer.
const REFUSAL_TIME: Duration = Duration::from_secs(10);

/// Passes requests on until either side closes. Calls `failed` for each request that the server
/// does not answer.
pub(super) async fn relay(
    client: TcpStream,
    server: TcpStream,
    misbehaviour: HttpMisbehaviour,
    failed: impl Fn(&dyn Display),
) -> io::Result<()> {
    let (sender, upstream) =
        client::conn::http1::handshake(TokioIo::new(server)).await.map_err(io::Error::other)?;
    // The requests of one connection come one after the other, so nobody ever waits for this lock.
    let sender = tokio::sync::Mutex::new(sender);
    let upgraded = Mutex::new(None);
    let service = hyper::service::service_fn(async |request| {
        let answer = pass_on(request, &mut *sender.lock().await, misbehaviour, &upgraded).await;
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
            // An error is a peer that went away, which ends the connection as well.
            _ = &mut serving => break,
            _ = &mut upstream, if !upstream_is_over => {
                upstream_is_over = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
    let opened = upgraded.lock().take();
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

/// Passes one request on, and returns the response. Both ends of an upgraded connection are put
/// into `upgraded`.
async fn pass_on(
    mut request: Request<Incoming>,
    sender: &mut client::conn::http1::SendRequest<Incoming>,
    misbehaviour: HttpMisbehaviour,
    upgraded: &Mutex<Option<UpgradedEnds>>,
) -> Result<Response<ProxyBody>, hyper::Error> {
    if misbehaviour == HttpMisbehaviour::StripUpgrade
        && request.headers_mut().remove(UPGRADE).is_some()
    {
        request.headers_mut().remove(CONNECTION);
    }
    let downward = hyper::upgrade::on(&mut request);
    sender.ready().await?;
    let mut response = sender.send_request(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let upward = hyper::upgrade::on(&mut response);
        *upgraded.lock() = Some((downward, upward));
        return Ok(response.map(BodyExt::boxed_unsync));
    }
    Ok(match misbehaviour {
        HttpMisbehaviour::StripUpgrade => response.map(BodyExt::boxed_unsync),
        HttpMisbehaviour::Buffer => {
            let (head, body) = response.into_parts();
            Response::from_parts(head, BlockBody::begin(body).await?.boxed_unsync())
        }
        HttpMisbehaviour::Close => {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response.map(BodyExt::boxed_unsync)
        }
    })
}

/// Answers one request with `502`, because the server at `upstream` cannot be reached.
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
    let answered = tokio::time::timeout(REFUSAL_TIME, answering).await;
    answered.map_err(|_| io::ErrorKind::TimedOut)?.map_err(io::Error::other)
}

/// Returns the answer to a request that the server does not answer.
fn bad_gateway(error: &dyn Display) -> Response<ProxyBody> {
    let text = format!("the proxy has no answer: {error}\n");
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
