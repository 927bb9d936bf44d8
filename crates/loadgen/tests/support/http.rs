//! HTTP/1.1, written by hand: what is written and read here is exactly what crosses the socket.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// One connection to a server.
#[derive(Debug)]
pub(crate) struct RawHttp {
    pub(crate) socket: BufReader<TcpStream>,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// The text up to the blank line.
    pub(crate) text: String,
}

impl Head {
    /// Returns the value of a header that occurs at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.text, name)
    }
}

/// Returns the value of a header in the head of a request or an answer.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

impl RawHttp {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.expect("the server is there");
        socket.set_nodelay(true).expect("a socket accepts its options");
        Self { socket: BufReader::new(socket) }
    }

    /// Sends these bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.expect("the server accepts a request");
    }

    /// Asks for a path.
    pub(crate) async fn get(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await;
    }

    /// Publishes a body. Returns the status of the answer.
    pub(crate) async fn post(&mut self, path: &str, body: &[u8]) -> u16 {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
        self.send(&[head.as_bytes(), body].concat()).await;
        self.answer().await.0.status
    }

    /// Returns the head of the next answer.
    pub(crate) async fn head(&mut self) -> Head {
        let text = read_head(&mut self.socket).await;
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        Head { status: status.unwrap_or_else(|| panic!("no status in {text:?}")), text }
    }

    /// Returns the next answer, whose length is in its head.
    pub(crate) async fn answer(&mut self) -> (Head, Vec<u8>) {
        let head = self.head().await;
        let length = head.header("content-length").map_or(0, |l| l.parse().expect("a length"));
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).await.expect("a body as long as was said");
        (head, body)
    }

    /// Returns the next chunk of a chunked body. The last one is empty.
    pub(crate) async fn chunk(&mut self) -> Vec<u8> {
        let mut size = String::new();
        self.socket.read_line(&mut size).await.expect("a chunk");
        let size = usize::from_str_radix(size.trim_end(), 16)
            .unwrap_or_else(|_| panic!("{size:?} is no chunk size"));
        let mut chunk = vec![0; size + 2];
        self.socket.read_exact(&mut chunk).await.expect("a whole chunk");
        assert!(chunk.ends_with(b"\r\n"), "a chunk ends with CRLF");
        chunk.truncate(size);
        chunk
    }

    /// Returns everything until the server closes the connection, and `None` if it resets it.
    pub(crate) async fn rest(&mut self) -> Option<Vec<u8>> {
        let mut rest = Vec::new();
        self.socket.read_to_end(&mut rest).await.ok().map(|_| rest)
    }
}

/// Returns the head of a request or an answer, with its blank line.
pub(crate) async fn read_head(socket: &mut BufReader<TcpStream>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let read = socket.read_until(b'\n', &mut head).await.expect("a head");
        assert!(
            read > 0,
            "the peer closed the connection after {:?}",
            String::from_utf8_lossy(&head)
        );
    }
    String::from_utf8(head).expect("heads are text here")
}
