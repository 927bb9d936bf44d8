//! What fuzzing holds this crate to: `fuzz/` runs it on bytes that it makes up, a test on its corpora.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirebench_measure::{Event, Recorder, Sequence, Window};
use wirebench_protocol::{After, Timestamp, Transport};

use crate::event_stream::Decoder;
use crate::{DEFAULT_FEED, Dialer, Settings, Target, subscribe};

/// No input keeps a client at it for longer: all that a script has to say is there at once.
const PATIENCE: Duration = Duration::from_secs(8);

/// Every message counts, whenever it says that it was published.
const ALWAYS: Window =
    Window { from: Timestamp::from_nanos(0), to: Timestamp::from_nanos(u64::MAX) };

/// The blocks of an event stream are the same wherever it is cut, and those that a plain reading of the
/// standard finds. The first byte says how large the pieces are.
pub fn event_stream(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else { return };
    let whole = blocks([stream]);
    assert_eq!(blocks(stream.chunks(usize::from(*size).max(1))), whole);
    assert_eq!(blocks(stream.chunks(1)), whole);
    assert_eq!(plain_blocks(stream), whole);
}

/// `(id, (type, data))` of each block, and the last reconnection time.
type Blocks = (Vec<(String, Option<(String, String)>)>, Option<Duration>);

fn blocks<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Blocks {
    let mut decoder = Decoder::default();
    let mut blocks = Vec::new();
    for mut piece in pieces {
        while let Some(block) = decoder.decode(&mut piece).expect("no input is that large") {
            let event = block.event.map(|event| (event.kind.to_owned(), event.data.to_owned()));
            blocks.push((block.id.to_owned(), event));
        }
        assert!(piece.is_empty(), "a piece is used up before the next");
    }
    (blocks, decoder.take_retry())
}

/// WHATWG HTML, section 9.2.6, word for word and without a thought for speed: decode, split, interpret.
fn plain_blocks(stream: &[u8]) -> Blocks {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    let (mut data, mut kind, mut id) = (String::new(), String::new(), String::new());
    let (mut id_set, mut retry) = (false, None);
    let mut blocks = Vec::new();
    // What comes after the last line end is no line.
    let Some((lines, _)) = text.rsplit_once('\n') else { return (blocks, retry) };
    for line in lines.split('\n') {
        if line.is_empty() {
            let event = data.strip_suffix('\n').map(|data| {
                let kind = if kind.is_empty() { "message" } else { &kind };
                (kind.to_owned(), data.to_owned())
            });
            if event.is_some() || id_set {
                blocks.push((id.clone(), event));
            }
            (id_set, data, kind) = (false, String::new(), String::new());
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => data.extend([value, "\n"]),
            "event" => value.clone_into(&mut kind),
            "id" if !value.contains('\0') => {
                value.clone_into(&mut id);
                id_set = true;
            }
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // Digits alone: too many of them is the only way not to be a number.
                retry = Some(Duration::from_millis(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }
    (blocks, retry)
}

/// Whatever comes after a proper opening handshake, the subscription ends, and what it brought is not
/// more than what came.
pub fn websocket_client(bytes: &[u8]) {
    follow(Transport::WebSocket, bytes.len(), |head| {
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "));
        let accept = derive_accept_key(key.expect("a handshake has a key").as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        );
        [head.as_bytes(), bytes].concat()
    });
}

/// The same for whatever is answered to the first request of any transport, which the first byte says.
pub fn answer(bytes: &[u8]) {
    let Some((transport, answer)) = bytes.split_first() else { return };
    let transport = Transport::ALL[usize::from(*transport) % Transport::ALL.len()];
    follow(transport, answer.len(), |_| answer.to_vec());
}

/// Subscribes over a connection whose other end reads one request, answers it and hangs up.
fn follow(transport: Transport, length: usize, answer: impl FnOnce(&str) -> Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime takes a few files and some memory");
    runtime.block_on(async {
        let (ours, mut theirs) = socket_pair();
        let dialer = Dialer::scripted(ours);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let feed = DEFAULT_FEED.to_owned();
        let target = Target { authority: address.to_string(), address, feed, trust: None };
        let settings = Settings { interval: Duration::ZERO, payloads: true, ..Settings::default() };
        let subscriber = async {
            let mut events = subscribe(transport, &dialer, &target, After::Newest, &settings);
            let (mut count, mut brought) = (0, 0);
            let (mut recorder, mut sequence) = (Recorder::new(), Sequence::default());
            while let Some(event) = events.next().await {
                count += 1;
                if let Ok(event) = &event {
                    recorder.observe(Some(ALWAYS), &mut sequence, event);
                }
                match event {
                    Ok(Event::Received { payload_bytes, payload, .. }) => {
                        assert_eq!(payload.map(|payload| payload.len()), Some(payload_bytes));
                        brought += payload_bytes;
                    }
                    Ok(_) => {}
                    // Its words are for a person to read.
                    Err(error) => assert!(crate::error::chain(&error).len() < 64 << 10),
                }
            }
            assert!(count <= length + 8, "{count} events of {length} bytes");
            assert!(recorder.received + recorder.duplicate <= count as u64, "more than there was");
            assert!(brought <= length, "{brought} bytes of payload in {length} bytes");
        };
        let script = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                theirs.read_buf(&mut head).await.expect("a subscriber asks first");
            }
            // It may hang up before it has heard everything.
            let _ = theirs.write_all(&answer(&String::from_utf8_lossy(&head))).await;
            let _ = theirs.shutdown().await;
            while matches!(theirs.read(&mut [0; 4096]).await, Ok(1..)) {}
        };
        let both = async { tokio::join!(subscriber, script) };
        tokio::time::timeout(PATIENCE, both).await.expect("a subscription to a dead server ends");
    });
}

/// Two ends of a connection without an address, and so without a port that stays taken for a while.
fn socket_pair() -> (TcpStream, TcpStream) {
    let (ours, theirs) = UnixStream::pair().expect("there are files left");
    let of = |end: UnixStream| {
        end.set_nonblocking(true).expect("any socket can be asked not to block");
        TcpStream::from_std(OwnedFd::from(end).into()).expect("the runtime watches any socket")
    };
    (of(ours), of(theirs))
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn the_corpora_hold() {
    replay::replay("event_stream", event_stream);
    replay::replay("websocket_client", websocket_client);
    replay::replay("answer", answer);
}
