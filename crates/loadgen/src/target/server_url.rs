//! URLs that name a server.

use std::net::SocketAddr;

use http::Uri;
use http::uri::Authority;

use super::error::TargetError;

/// The parts of a URL that name a server.
#[derive(Debug)]
pub(crate) struct ServerUrl {
    pub(crate) authority: Authority,
    pub(crate) uri: Uri,
    /// The scheme asks for TLS.
    pub(crate) encrypted: bool,
}

/// Parses a URL of one of the four schemes, whatever its path.
pub(crate) fn parse(url: &str) -> Result<ServerUrl, TargetError> {
    let malformed = || TargetError::Malformed { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| malformed())?;
    let encrypted = match uri.scheme_str() {
        Some("http" | "ws") => false,
        Some("https" | "wss") => true,
        _ => return Err(malformed()),
    };
    let authority = uri.authority().cloned().ok_or_else(malformed)?;
    // `http` returns no port for one such as 99999, which would then mean the port of the scheme.
    let names_a_port = authority.as_str().len() > authority.host().len() + ":".len();
    if authority.as_str().contains('@') || (names_a_port && authority.port_u16().is_none()) {
        return Err(malformed());
    }
    Ok(ServerUrl { authority, uri, encrypted })
}

/// Returns the first address of a host.
pub(crate) async fn resolve(
    authority: &Authority,
    encrypted: bool,
) -> Result<SocketAddr, TargetError> {
    let port = authority.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let unresolved = |source| TargetError::Unresolved { host: authority.to_string(), source };
    let mut addresses =
        tokio::net::lookup_host((bare, port)).await.map_err(|error| unresolved(Some(error)))?;
    addresses.next().ok_or_else(|| unresolved(None))
}
