//! A server that loses, repeats and swaps messages of a real feed, and tells exactly which.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use wirebench_loadgen::DEFAULT_FEED;
use wirebench_protocol::{After, Cursor, Seq, SocketIoMode, Transport};
use wirebench_server::{Entry, Feed};

use super::frames::{self, FIN, TEXT, frame};
use super::http::{header, read_head};
use super::raw_transport::{self, Answer};

/// What happens to a message on its way to one subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    Twice,
    /// Sent after its successor. Without a successor, it is not sent.
    Swapped,
    Delivered,
}

/// Returns the fate of message `seq` on the connection number `place`. Of two consecutive messages,
/// at least one is delivered normally.
pub(crate) fn fate(place: u64, seq: Seq) -> Fate {
    match (seq + place) % 16 {
        3 => Fate::Lost,
        6 | 14 => Fate::Twice,
        9 => Fate::Swapped,
        _ => Fate::Delivered,
    }
}

/// Serves `feed` over every transport, and applies the fate of each message. A Socket.IO session
/// has to be a WebSocket from the beginning.
pub(crate) fn start(feed: Feed) -> SocketAddr {
    let listener = super::listen();
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        for place in 0.. {
            let Ok((socket, _)) = listener.accept().await else { return };
            let _ = socket.set_nodelay(true);
            let connection =
                FaultyConnection { feed: feed.clone(), place, socket: BufReader::new(socket) };
            tokio::spawn(connection.serve());
        }
    });
    address
}

/// One connection of a subscriber.
struct FaultyConnection {
    feed: Feed,
    place: u64,
    socket: BufReader<TcpStream>,
}

impl FaultyConnection {
    async fn serve(mut self) {
        loop {
            // At the end of a test, the subscriber may go away at any time.
            let mut byte = [0];
            match self.socket.get_ref().peek(&mut byte).await {
                Ok(1..) => {}
                _ if self.socket.buffer().is_empty() => return,
                _ => {}
            }
            let head = read_head(&mut self.socket).await;
            let asked = head.split(' ').nth(1).unwrap_or_default();
            let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
            let parameter = |name| query.split('&').find_map(|pair| pair.strip_prefix(name));
            let after = header(&head, "last-event-id").or(parameter("after=")).unwrap_or_default();
            let after = after.parse().expect("a cursor that this feed gave");
            let cursor = self.feed.locate(after).expect("a cursor of this feed");
            let mut transports = Transport::ALL.into_iter();
            let transport = transports.find(|each| each.path(DEFAULT_FEED) == path);
            match raw_transport::answer(transport.expect("a transport"), &head, cursor) {
                Answer::Batch { default_hold } => {
                    let hold = parameter("hold=").and_then(|hold| hold.parse().ok());
                    let hold = hold.map_or(default_hold, Duration::from_secs_f64);
                    self.poll(cursor, hold).await;
                }
                Answer::Stream { opening, encoding } => {
                    self.write(opening).await;
                    return self.stream(cursor, |entry| encoding(entry).to_vec()).await;
                }
                Answer::Session { opening } => {
                    self.write(opening).await;
                    return self.socket_io().await;
                }
            }
        }
    }

    /// Serves a subscriber whose session is a WebSocket from the beginning.
    async fn socket_io(mut self) {
        let namespace = SocketIoMode::namespace(DEFAULT_FEED);
        self.say(
            "0{\"sid\":\"faulty\",\"upgrades\":[],\"pingInterval\":60000,\"pingTimeout\":60000}",
        )
        .await;
        let Ok(Some(connect)) = frames::read(&mut self.socket).await else { return };
        let connect = String::from_utf8(connect.payload).expect("a packet in text");
        let auth = connect.strip_prefix(&format!("40{namespace},")).expect("the feed");
        let auth: serde_json::Value = serde_json::from_str(auth).unwrap_or_default();
        let after: After = auth["after"].as_str().unwrap_or_default().parse().expect("a cursor");
        let cursor = self.feed.locate(after).expect("a cursor of this feed");
        self.say(&format!("40{namespace},{{\"sid\":\"faulty\"}}")).await;
        self.say(&format!("42{namespace},[\"hello\",{{\"cursor\":\"{cursor}\"}}]")).await;
        let message = |entry: &Entry| {
            let json = str::from_utf8(&entry.json).expect("JSON is UTF-8");
            let packet = format!("42{namespace},[\"message\",{json}]");
            frame(FIN | TEXT, None, packet.as_bytes())
        };
        self.stream(cursor, message).await;
    }

    /// Sends a text frame.
    async fn say(&mut self, text: &str) {
        self.write(frame(FIN | TEXT, None, text.as_bytes())).await;
    }

    async fn poll(&mut self, cursor: Cursor, hold: Duration) {
        // `timeout` polls its future first, so even without a hold what is there is found.
        let found = tokio::time::timeout(hold, self.next(cursor)).await;
        let Ok((entries, cursor)) = found else {
            return self
                .write(format!("HTTP/1.1 204 No Content\r\nfeed-cursor: {cursor}\r\n\r\n"))
                .await;
        };
        let messages: Vec<_> = entries
            .iter()
            .map(|entry| str::from_utf8(&entry.json).expect("JSON is UTF-8"))
            .collect();
        let body = format!("{{\"cursor\":\"{cursor}\",\"messages\":[{}]}}", messages.join(","));
        let length = body.len();
        self.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")).await;
    }

    async fn stream<B: AsRef<[u8]>>(&mut self, mut cursor: Cursor, encoding: impl Fn(&Entry) -> B) {
        loop {
            let (entries, next) = self.next(cursor).await;
            cursor = next;
            let mut bytes = Vec::new();
            for entry in &entries {
                bytes.extend_from_slice(encoding(entry).as_ref());
            }
            self.write(bytes).await;
        }
    }

    /// Returns the next messages after the cursor with their fates applied, and the cursor after
    /// them.
    async fn next(&self, mut cursor: Cursor) -> (Vec<Arc<Entry>>, Cursor) {
        loop {
            let batch = self.feed.read(cursor);
            let mut delivered = Vec::new();
            let mut rest = batch.entries.iter().peekable();
            while let Some(entry) = rest.next() {
                match (fate(self.place, entry.seq), rest.peek()) {
                    (Fate::Lost, _) => {}
                    (Fate::Twice, _) => delivered.extend([Arc::clone(entry), Arc::clone(entry)]),
                    (Fate::Swapped, Some(next)) => {
                        delivered.extend([Arc::clone(next), Arc::clone(entry)]);
                        cursor.seq = next.seq;
                        rest.next();
                        continue;
                    }
                    (Fate::Swapped, None) => break,
                    (Fate::Delivered, _) => delivered.push(Arc::clone(entry)),
                }
                cursor.seq = entry.seq;
            }
            if !delivered.is_empty() {
                return (delivered, cursor);
            }
            self.feed.wait(batch.cursor).await;
        }
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // That a subscriber is gone is noticed when its next request does not arrive.
        let _ = self.socket.write_all(bytes.as_ref()).await;
    }
}
