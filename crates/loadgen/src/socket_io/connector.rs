//! Where the requests of a session go.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::SubscribeError;
use crate::http::{ClientConnection, RequestHeaders, RequestKind};

/// Opens the connections of a session. Clones open connections to the same server.
pub(crate) trait Connector: Clone + Send + Sync {
    /// Opens a connection, or joins one that is shared.
    fn connect(&self) -> impl Future<Output = Result<ClientConnection, SubscribeError>> + Send;

    /// Returns the headers of a request of this kind.
    fn headers(&self, kind: RequestKind) -> RequestHeaders;
}

/// The characters of a cache-buster.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Makes the URLs of a session.
#[derive(Debug)]
pub(super) struct Urls {
    path: String,
    /// The session id. `None` before the handshake.
    sid: Option<String>,
    /// The next cache-buster, as a number.
    next: u64,
}

impl Urls {
    /// Creates the URLs below `path`, such as `/socket.io/`. It may have a query, which each URL then
    /// has, too.
    pub(super) fn new(path: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { path: path.to_owned(), sid: None, next: u64::from(now.subsec_nanos()) << 8 }
    }

    /// Called with the session id, which has to fit into a query.
    pub(super) fn opened(&mut self, sid: String) {
        self.sid = Some(sid);
    }

    /// Returns the URL of the next request that polls or posts.
    ///
    /// Like the official client, it makes each of these URLs different from the one before (`t`),
    /// so that no cache between here and the server can answer it.
    pub(super) fn polling(&mut self) -> String {
        let cache_buster = self.cache_buster();
        self.url(&format!("EIO=4&transport=polling&t={cache_buster}"))
    }

    /// Returns what errors call the session.
    pub(super) fn session(&self) -> String {
        format!("GET {}", self.path)
    }

    /// Returns the URL of the WebSocket.
    pub(super) fn websocket(&self) -> String {
        self.url("EIO=4&transport=websocket")
    }

    fn url(&self, query: &str) -> String {
        let path = &self.path;
        let separator = if path.contains('?') { '&' } else { '?' };
        match &self.sid {
            Some(sid) => format!("{path}{separator}{query}&sid={sid}"),
            None => format!("{path}{separator}{query}"),
        }
    }

    /// Returns eight digits, as many as those of the official client.
    fn cache_buster(&mut self) -> String {
        let mut rest = self.next;
        self.next = self.next.wrapping_add(1);
        let mut digits = [b'0'; 8];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[usize::try_from(rest % 36).unwrap_or(0)];
            rest /= 36;
        }
        digits.map(char::from).iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_urls_are_those_of_the_official_client() {
        let mut urls = Urls::new("/socket.io/");
        urls.next = 36;
        let path = "/socket.io/?EIO=4&transport";
        assert_eq!(urls.polling(), format!("{path}=polling&t=00000010"));
        urls.opened("abc".to_owned());
        assert_eq!(urls.polling(), format!("{path}=polling&t=00000011&sid=abc"));
        assert_eq!(urls.websocket(), format!("{path}=websocket&sid=abc"));
        let urls = Urls::new("/socket.io/?token=x");
        assert_eq!(urls.websocket(), "/socket.io/?token=x&EIO=4&transport=websocket");
    }
}
