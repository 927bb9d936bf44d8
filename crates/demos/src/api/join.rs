//! The address at which other devices reach the chat, and its QR code.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use axum::extract::Query;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use axum::routing::get;
use axum::{Json, Router};
use qrcode::{Color, QrCode};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long connecting to this machine itself may take.
const CONNECT_TIME: Duration = Duration::from_millis(500);

/// An address from the documentation (RFC 5737). Nothing is sent to it.
const SOMEWHERE_ELSE: &str = "192.0.2.1:9";

#[derive(Deserialize)]
struct JoinQuery {
    scheme: Scheme,
}

/// How the page was loaded. A server behind a proxy that ends TLS cannot know.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    Http,
    Https,
}

/// Both are `None` if only this machine can reach the server.
#[derive(Serialize)]
struct JoinBody {
    url: Option<String>,
    qr: Option<QrPicture>,
}

/// The dark squares of a QR code, as the path of an SVG of `size` times `size` units.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct QrPicture {
    size: usize,
    path: String,
}

/// The route `/demo/join`.
pub(crate) fn routes() -> Router {
    Router::new().route("/demo/join", get(join))
}

async fn join(
    Query(JoinQuery { scheme }): Query<JoinQuery>,
    uri: Uri,
    headers: HeaderMap,
) -> Json<JoinBody> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().cloned().or_else(|| host?.parse().ok());
    let url = match authority {
        Some(authority) => reachable(&authority, scheme).await,
        None => None,
    };
    let url = url.map(|authority| format!("{}://{authority}/chat", scheme.name()));
    let qr = url.as_deref().and_then(QrPicture::of);
    Json(JoinBody { url, qr })
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Returns the host and port at which other devices reach the server: those that this page was
/// asked at, or the machine's own address in its network if these are names of the machine for
/// itself. A connection to that address shows whether the server listens there.
async fn reachable(authority: &Authority, scheme: Scheme) -> Option<String> {
    if !is_loopback(authority.host()) {
        return Some(authority.to_string());
    }
    let own = SocketAddr::new(own_address()?, authority.port_u16().unwrap_or(scheme.port()));
    let connected = timeout(CONNECT_TIME, TcpStream::connect(own)).await;
    matches!(connected, Ok(Ok(_))).then(|| own.to_string())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Returns the address from which this machine would send to other networks.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Connecting a socket for datagrams only chooses a route.
    socket.connect(SOMEWHERE_ELSE).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

impl QrPicture {
    /// Returns `None` if the text does not fit into a QR code.
    fn of(text: &str) -> Option<Self> {
        let code = QrCode::new(text).ok()?;
        let size = code.width();
        let mut path = String::new();
        for (row, line) in code.to_colors().chunks(size).enumerate() {
            for (column, _) in line.iter().enumerate().filter(|(_, colour)| **colour == Color::Dark)
            {
                let _ = write!(path, "M{column} {row}h1v1h-1z");
            }
        }
        Some(Self { size, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_machine_for_itself_are_known() {
        for host in ["localhost", "demo.localhost", "127.0.0.1", "127.8.8.8", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.org", "192.168.1.5", "[fe80::1]", "localhost.example.org"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[tokio::test]
    async fn the_address_of_the_page_is_kept_if_it_is_one_for_others() {
        let authority: Authority = "192.168.1.5:8080".parse().unwrap();
        let found = reachable(&authority, Scheme::Http).await;
        assert_eq!(found.as_deref(), Some("192.168.1.5:8080"));
    }

    #[tokio::test]
    async fn a_server_for_this_machine_alone_has_no_address_for_others() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority: Authority = listener.local_addr().unwrap().to_string().parse().unwrap();
        assert_eq!(reachable(&authority, Scheme::Http).await, None);
    }

    #[test]
    fn a_qr_code_has_its_three_corners_and_nothing_between_them() {
        let picture = QrPicture::of("http://192.168.1.5:8080/chat").unwrap();
        let dark = |column: usize, row: usize| picture.path.contains(&format!("M{column} {row}h"));
        let last = picture.size - 1;
        assert!(picture.size >= 21 && picture.size % 4 == 1, "{}", picture.size);
        for (column, row) in [(0, 0), (last, 0), (0, last)] {
            assert!(dark(column, row), "the corner at {column}, {row}");
        }
        // The white frame of a corner.
        assert!(!dark(1, 1) && !dark(7, 7) && dark(3, 3));
    }
}
