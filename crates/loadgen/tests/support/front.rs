//! A front before a server of plain HTTP/1.1: it speaks TLS and HTTP/2 to subscribers and forwards what
//! they ask, each stream as a request of its own.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::Trust;

use super::manner::Manner;

type Answer = Response<Either<Incoming, Empty<Bytes>>>;

/// The certificate of all fronts, and who believes it.
static IDENTITY: LazyLock<(TlsAcceptor, Trust)> = LazyLock::new(|| {
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("names");
    let trust = Trust::pinned(&cert.pem()).expect("a certificate that was just made");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key)
        })
        .expect("a certificate and its key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), trust)
});

/// Who believes the fronts.
pub(crate) fn trust() -> Trust {
    IDENTITY.1.clone()
}

/// Starts a front that is spoken to in this manner; it ends with `stop`, its streams first.
pub(crate) fn start(manner: Manner, upstream: SocketAddr, stop: CancellationToken) -> SocketAddr {
    streams_of(manner, upstream, stop, 200)
}

/// The same, with so many streams a connection.
pub(crate) fn streams_of(
    manner: Manner,
    upstream: SocketAddr,
    stop: CancellationToken,
    streams: u32,
) -> SocketAddr {
    let listener = super::listen();
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(accept(listener, manner, upstream, stop, streams));
    address
}

async fn accept(
    listener: TcpListener,
    manner: Manner,
    upstream: SocketAddr,
    stop: CancellationToken,
    streams: u32,
) {
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        let stop = stop.clone();
        tokio::spawn(async move {
            if manner.0.tls {
                let secure = IDENTITY.0.accept(socket).await?;
                serve(secure, manner, upstream, stop, streams).await
            } else {
                serve(socket, manner, upstream, stop, streams).await
            }
        });
    }
}

async fn serve(
    mut client: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    manner: Manner,
    upstream: SocketAddr,
    stop: CancellationToken,
    streams: u32,
) -> io::Result<()> {
    if manner.0.version == 1 {
        let mut server = TcpStream::connect(upstream).await?;
        server.set_nodelay(true)?;
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let service = service_fn(move |request| async move {
        Ok::<_, Infallible>(forward(request, upstream).await.unwrap_or_else(|error| {
            panic!("a front of a test has to forward: {error}");
        }))
    });
    let mut connection = std::pin::pin!(
        http2::Builder::new(TokioExecutor::new())
            .enable_connect_protocol()
            .max_concurrent_streams(streams)
            .serve_connection(TokioIo::new(client), service)
    );
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    Ok(())
}

async fn forward(
    mut request: Request<Incoming>,
    upstream: SocketAddr,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
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
    plain.headers_mut().insert(header::HOST, HeaderValue::from_static("upstream"));
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
    Ok(answer.map(|body| Either::Left(body)))
}
