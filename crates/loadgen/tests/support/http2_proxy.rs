//! A reverse proxy that speaks HTTP/2 to subscribers and HTTP/1.1 to the server. It allows as many
//! streams as a test asks for, and forwards each as a request of its own. It uses the server of
//! hyper, not ours.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

type ProxyResponse = Response<Either<Incoming, Empty<Bytes>>>;

/// Starts a proxy. Returns its address.
pub(crate) fn start(upstream: SocketAddr, streams: u32) -> SocketAddr {
    let listener = super::listen();
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let _ = client.set_nodelay(true);
            tokio::spawn(serve(client, upstream, streams));
        }
    });
    address
}

async fn serve(client: TcpStream, upstream: SocketAddr, streams: u32) {
    let service = service_fn(move |request| async move {
        Ok::<_, Infallible>(forward(request, upstream).await.unwrap_or_else(|error| {
            panic!("the proxy of a test cannot forward: {error}");
        }))
    });
    // Ends with an error if a subscriber just goes away.
    let _ = http2::Builder::new(TokioExecutor::new())
        .enable_connect_protocol()
        .max_concurrent_streams(streams)
        .serve_connection(TokioIo::new(client), service)
        .await;
}

async fn forward(
    mut request: Request<Incoming>,
    upstream: SocketAddr,
) -> Result<ProxyResponse, Box<dyn std::error::Error + Send + Sync>> {
    let server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(server)).await?;
    tokio::spawn(connection.with_upgrades());
    let tunnel = request.extensions().get::<Protocol>().is_some();
    let asked = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut plain = Request::new(Empty::<Bytes>::new());
    *plain.uri_mut() = asked.parse::<Uri>()?;
    *plain.headers_mut() = request.headers().clone();
    for refused in [header::HOST, header::CONNECTION, header::UPGRADE] {
        assert!(!plain.headers().contains_key(&refused), "HTTP/2 has no `{refused}`");
    }
    let host = request.uri().authority().expect("a request of HTTP/2 has an authority");
    plain.headers_mut().insert(header::HOST, HeaderValue::from_str(host.as_str())?);
    if tunnel {
        assert_eq!(request.method(), Method::CONNECT);
        for (name, value) in [
            (header::CONNECTION, "Upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            plain.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    let mut answer = sender.send_request(plain).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        tokio::spawn(async move {
            let (near, far) = (hyper::upgrade::on(&mut request), hyper::upgrade::on(&mut answer));
            if let (Ok(near), Ok(far)) = tokio::join!(near, far) {
                let _ = copy_bidirectional(&mut TokioIo::new(near), &mut TokioIo::new(far)).await;
            }
        });
        return Ok(Response::new(Either::Right(Empty::new())));
    }
    for hop in [header::CONNECTION, header::TRANSFER_ENCODING] {
        answer.headers_mut().remove(hop);
    }
    Ok(answer.map(Either::Left))
}
