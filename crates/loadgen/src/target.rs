//! Which feed on which server: a URL, parsed and resolved once.

use std::net::SocketAddr;

use http::Uri;
use http::uri::Authority;

/// The feed that is meant where a URL names none.
pub const DEFAULT_FEED: &str = "bench";

/// A feed on a server whose address is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`, as it goes into `Host`.
    pub authority: String,
    /// Where connections go: the first address that the name had when it was resolved.
    pub address: SocketAddr,
    /// The feed.
    pub feed: String,
}

/// A URL that names no feed server.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a URL of the form that is spoken here.
    #[error(
        "malformed URL `{url}`: expected `http://host:port` or `http://host:port/feeds/{{feed}}`"
    )]
    Malformed {
        /// What was given.
        url: String,
    },
    /// An encrypted URL.
    #[error("`{url}` asks for TLS: only plain `http://` is spoken here")]
    Encrypted {
        /// What was given.
        url: String,
    },
    /// The host has no address.
    #[error("cannot resolve `{host}`")]
    Unresolved {
        /// The host and port.
        host: String,
        /// What the resolver said; `None` when it found nothing.
        #[source]
        source: Option<std::io::Error>,
    },
}

impl Target {
    /// Parses `http://host[:port][/feeds/{feed}[/…]]` (`ws://` likewise) and resolves the host. The port
    /// is 80 and the feed [`DEFAULT_FEED`] where the URL does not say.
    ///
    /// # Errors
    ///
    /// [`TargetError`] for another form of URL and for a host without an address.
    pub async fn resolve(url: &str) -> Result<Self, TargetError> {
        let malformed = || TargetError::Malformed { url: url.to_owned() };
        let (authority, uri) = parse(url)?;
        let feed = match uri.path() {
            "" | "/" => DEFAULT_FEED.to_owned(),
            path => {
                let feed = path.strip_prefix("/feeds/").ok_or_else(malformed)?;
                let feed = feed.split('/').next().filter(|feed| !feed.is_empty());
                feed.ok_or_else(malformed)?.to_owned()
            }
        };
        let address = resolve(&authority).await?;
        Ok(Self { authority: authority.to_string(), address, feed })
    }
}

/// A plain URL of either scheme, and its authority.
pub(crate) fn parse(url: &str) -> Result<(Authority, Uri), TargetError> {
    let malformed = || TargetError::Malformed { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| malformed())?;
    match uri.scheme_str() {
        Some("http" | "ws") => {}
        Some("https" | "wss") => return Err(TargetError::Encrypted { url: url.to_owned() }),
        _ => return Err(malformed()),
    }
    let authority = uri.authority().cloned().ok_or_else(malformed)?;
    if authority.as_str().contains('@') {
        return Err(malformed());
    }
    Ok((authority, uri))
}

/// The first address of a host.
pub(crate) async fn resolve(authority: &Authority) -> Result<SocketAddr, TargetError> {
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let unresolved = |source| TargetError::Unresolved { host: authority.to_string(), source };
    let mut addresses = tokio::net::lookup_host((bare, authority.port_u16().unwrap_or(80)))
        .await
        .map_err(|error| unresolved(Some(error)))?;
    addresses.next().ok_or_else(|| unresolved(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_names_a_server_and_perhaps_a_feed() {
        for (url, authority, feed) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "bench"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080", "bench"),
            ("http://127.0.0.1:8080/feeds/chat", "127.0.0.1:8080", "chat"),
            ("ws://[::1]:8080/feeds/chat/websocket?x=1", "[::1]:8080", "chat"),
        ] {
            let target = Target::resolve(url).await.unwrap();
            assert_eq!((&*target.authority, &*target.feed), (authority, feed), "of {url}");
            assert_eq!(target.address.port(), 8080);
        }
    }

    #[tokio::test]
    async fn another_form_of_url_is_refused() {
        for url in
            ["127.0.0.1:80", "ftp://a", "http://a/b", "http://a/feeds/", "https://a", "http://u@a"]
        {
            assert!(Target::resolve(url).await.is_err(), "accepted {url}");
        }
    }
}
