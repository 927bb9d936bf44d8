//! Which feed on which server: a URL, parsed and resolved once.

use std::net::SocketAddr;

use http::Uri;
use http::uri::Authority;

use crate::tls::{Believe, Trust, TrustError};

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
    /// Whom to believe to be the server; `None` speaks without TLS.
    pub trust: Option<Trust>,
}

/// A URL that names no feed server.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a URL of the form that is spoken here.
    #[error(
        "malformed URL `{url}`: expected `http://host:port` or `http://host:port/feeds/{{feed}}`, or the \
         same with `https://`"
    )]
    Malformed {
        /// What was given.
        url: String,
    },
    /// An encrypted URL, where only plain ones are spoken: what `--raw` reads of server-sent events.
    #[error("`{url}` asks for TLS: only plain `http://` is spoken here")]
    Encrypted {
        /// What was given.
        url: String,
    },
    /// Nobody to believe over TLS.
    #[error(transparent)]
    Trust(#[from] TrustError),
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

impl TargetError {
    /// Returns true if the URL itself is at fault: no other moment or machine would take it.
    pub fn is_malformed(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::Encrypted { .. })
    }
}

impl Target {
    /// Parses `http://host[:port][/feeds/{feed}[/…]]` (`https://`, `ws://` and `wss://` likewise) and
    /// resolves the host. The port is the scheme's and the feed [`DEFAULT_FEED`] where the URL does not
    /// say. Over TLS, whoever the system's root certificates vouch for is believed.
    ///
    /// # Errors
    ///
    /// [`TargetError`] for another form of URL, for a host without an address, and for certificates that
    /// cannot be read.
    pub async fn resolve(url: &str) -> Result<Self, TargetError> {
        Self::resolve_believing(url, &Believe::System).await
    }

    /// The same, with somebody else to be believed.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub async fn resolve_believing(url: &str, believe: &Believe) -> Result<Self, TargetError> {
        let malformed = || TargetError::Malformed { url: url.to_owned() };
        let Parsed { authority, uri, encrypted } = parse(url)?;
        let feed = match uri.path() {
            "" | "/" => DEFAULT_FEED.to_owned(),
            path => {
                let feed = path.strip_prefix("/feeds/").ok_or_else(malformed)?;
                let feed = feed.split('/').next().filter(|feed| !feed.is_empty());
                feed.ok_or_else(malformed)?.to_owned()
            }
        };
        let address = resolve(&authority, encrypted).await?;
        let trust = encrypted.then(|| believe.trust()).transpose()?;
        Ok(Self { authority: authority.to_string(), address, feed, trust })
    }
}

/// A URL that was understood.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) authority: Authority,
    pub(crate) uri: Uri,
    /// Its scheme asks for TLS.
    pub(crate) encrypted: bool,
}

/// A URL of any of the schemes.
pub(crate) fn parse(url: &str) -> Result<Parsed, TargetError> {
    let malformed = || TargetError::Malformed { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| malformed())?;
    let encrypted = match uri.scheme_str() {
        Some("http" | "ws") => false,
        Some("https" | "wss") => true,
        _ => return Err(malformed()),
    };
    let authority = uri.authority().cloned().ok_or_else(malformed)?;
    // `http` says of a port such as 99999 that there is none, and here that would mean the scheme's.
    let names_a_port = authority.as_str().len() > authority.host().len() + ":".len();
    if authority.as_str().contains('@') || (names_a_port && authority.port_u16().is_none()) {
        return Err(malformed());
    }
    Ok(Parsed { authority, uri, encrypted })
}

/// The first address of a host.
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
            assert!(target.trust.is_none(), "{url} asks for no TLS");
        }
    }

    #[tokio::test]
    async fn the_scheme_of_a_url_says_whether_tls_is_spoken_and_on_which_port() {
        for (url, port, encrypted) in [
            ("http://127.0.0.1", 80, false),
            ("ws://127.0.0.1", 80, false),
            ("https://127.0.0.1", 443, true),
            ("wss://127.0.0.1:8443/feeds/chat", 8443, true),
        ] {
            let target = Target::resolve_believing(url, &Believe::Anybody).await.unwrap();
            assert_eq!((target.address.port(), target.trust.is_some()), (port, encrypted), "{url}");
        }
    }

    #[tokio::test]
    async fn a_certificate_that_is_none_is_named() {
        let believe = Believe::Certificate("-----BEGIN NOTHING-----".to_owned());
        let error = Target::resolve_believing("https://127.0.0.1", &believe).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }

    #[tokio::test]
    async fn another_form_of_url_is_refused() {
        for url in [
            "127.0.0.1:80",
            "ftp://a",
            "http://a/b",
            "http://a/feeds/",
            "http://u@a",
            "http://127.0.0.1:99999",
            "http://127.0.0.1:x",
        ] {
            let error = Target::resolve(url).await.expect_err(url);
            assert!(error.is_malformed(), "{url}: {error}");
        }
    }
}
