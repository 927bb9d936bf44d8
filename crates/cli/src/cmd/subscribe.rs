//! `wirebench subscribe`: one subscriber, for trying out feeds as `curl` is for trying out pages.

use std::fmt::{self, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use wirebench_loadgen::{
    Dialer, HttpClient, Subscriber, SubscriberEvent, SubscriberSettings, Target,
    TrustedCertificates, raw, run_subscriber,
};
use wirebench_measure::{Event, ReceivedPayload};
use wirebench_protocol::{After, ShortPollingMode, SocketIoMode, Transport};
use wirebench_scenario::{Headers, HttpSettings, LinkSettings, parse_duration};

use crate::exit::Exit;
use crate::print;
use crate::signals::stop_signals;

/// Subscribe to a feed and print one JSON line per message, with its delay
///
/// Uses the client code of the load generator. The URL names a server (`http://127.0.0.1:8080`, for
/// its feed `bench`) or a feed (`http://127.0.0.1:8080/feeds/quotes`). Resumes after every
/// interruption, until SIGTERM or Ctrl-C.
#[derive(Args, Debug)]
pub(crate) struct SubscribeArguments {
    /// URL of the server or the feed; with `--raw`, exactly the URL to request
    url: String,
    /// The transport that carries the messages
    #[arg(long, value_name = "NAME")]
    transport: Transport,
    /// Start after this cursor; `start` means with the oldest message that the feed still has
    /// [default: after the newest message]
    #[arg(long, value_name = "CURSOR", default_value = "", hide_default_value = true)]
    after: After,
    /// Subscribe to any server with a transport that streams, and print what it sends without
    /// decoding it
    #[arg(long)]
    raw: bool,
    /// End when the connection ends, instead of reconnecting
    #[arg(long)]
    once: bool,
    /// Short polling: time from the start of one poll to the start of the next
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    interval: Duration,
    /// Long polling: how long the server may hold a poll
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = duration)]
    hold: Duration,
    /// Short polling: what each poll asks for, `cursor`, `table` (the same, from the database) or
    /// `whole` (all messages) [default: cursor]. Socket.IO: `polling`, `websocket`, or `upgrade`,
    /// which begins with polling [default: upgrade]
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeArgument>,
    /// Socket.IO with `--raw`: the namespace
    #[arg(long, value_name = "NAME", default_value = "/", requires = "raw")]
    namespace: String,
    /// Socket.IO with `--raw`: print this event only [default: every event]
    #[arg(long, value_name = "NAME", requires = "raw")]
    event: Option<String>,
    /// Version of HTTP: 1 or 2
    #[arg(long, value_name = "VERSION", default_value = "1",
          value_parser = clap::value_parser!(u8).range(1..=2))]
    http_version: u8,
    /// `https://`: trust the root certificates in this file (PEM), in addition to those of the
    /// system
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// `https://`: trust any certificate
    #[arg(long)]
    insecure: bool,
}

/// A mode of one of the transports that have some.
#[derive(Clone, Copy, Debug)]
enum ModeArgument {
    ShortPolling(ShortPollingMode),
    SocketIo(SocketIoMode),
}

impl FromStr for ModeArgument {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let of_short_polling = name.parse().map(Self::ShortPolling).ok();
        let of_socket_io = || name.parse().map(Self::SocketIo).ok();
        of_short_polling.or_else(of_socket_io).ok_or_else(|| {
            let short_polling = ShortPollingMode::ALL.map(ShortPollingMode::name).join("`, `");
            let socket_io = SocketIoMode::ALL.map(SocketIoMode::name).join("`, `");
            format!("expected `{short_polling}` for short polling, `{socket_io}` for Socket.IO")
        })
    }
}

impl fmt::Display for ModeArgument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortPolling(mode) => mode.fmt(formatter),
            Self::SocketIo(mode) => mode.fmt(formatter),
        }
    }
}

impl ModeArgument {
    /// Returns true if the mode is one of this transport.
    fn is_of(self, transport: Transport) -> bool {
        match self {
            Self::ShortPolling(_) => transport == Transport::ShortPolling,
            Self::SocketIo(_) => transport == Transport::SocketIo,
        }
    }
}

impl SubscribeArguments {
    fn short_polling_mode(&self) -> ShortPollingMode {
        match self.mode {
            Some(ModeArgument::ShortPolling(mode)) => mode,
            Some(ModeArgument::SocketIo(_)) | None => ShortPollingMode::default(),
        }
    }

    fn socket_io_mode(&self) -> SocketIoMode {
        match self.mode {
            Some(ModeArgument::SocketIo(mode)) => mode,
            Some(ModeArgument::ShortPolling(_)) | None => SocketIoMode::default(),
        }
    }
}

pub(crate) fn run(arguments: &SubscribeArguments) -> anyhow::Result<Exit> {
    if let Some(mode) = arguments.mode.filter(|mode| !mode.is_of(arguments.transport)) {
        print::talk(&format!(
            "error: `--mode {mode}` is no mode of `{}`: short polling and Socket.IO have modes",
            arguments.transport
        ));
        return Ok(Exit::Usage);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    runtime.block_on(async {
        let mut signals = stop_signals()?;
        let printed = async {
            match (arguments.raw, arguments.transport, arguments.once) {
                (true, Transport::Sse, once) => lines(raw_events(&arguments.url, once)).await,
                (true, Transport::WebSocket, once) => lines(raw_frames(arguments, once)).await,
                (true, Transport::SocketIo, once) => {
                    lines(raw_socket_io_events(arguments, once)).await
                }
                (true, transport @ (Transport::ShortPolling | Transport::LongPolling), _) => {
                    print::talk(&format!(
                        "error: `--raw` supports transports that stream, found `{transport}`: its \
                         responses are plain HTTP, which any HTTP client can request"
                    ));
                    Ok(Exit::Usage)
                }
                (false, _, true) => follow_once(arguments).await,
                (false, _, false) => follow(arguments).await,
            }
        };
        tokio::select! {
            printed = printed => printed,
            _ = signals.next() => Ok(Exit::Done),
        }
    })
}

/// Prints each line when it arrives, until the stream ends.
async fn lines(lines: impl Stream<Item = anyhow::Result<Value>>) -> anyhow::Result<Exit> {
    let mut lines = pin!(lines);
    while let Some(line) = lines.next().await {
        print::data(&format!("{}\n", line?))?;
    }
    Ok(Exit::Done)
}

fn raw_events(url: &str, once: bool) -> impl Stream<Item = anyhow::Result<Value>> + use<> {
    raw::events(url, once).map(|event| Ok(serde_json::to_value(event?)?))
}

fn raw_frames(
    arguments: &SubscribeArguments,
    once: bool,
) -> impl Stream<Item = anyhow::Result<Value>> + use<> {
    raw::messages(&arguments.url, &trusted(arguments), once).map(|frame| {
        Ok(match frame? {
            raw::RawMessage::Text(text) => json!({ "text": text.as_str() }),
            raw::RawMessage::Binary(bytes) => json!({ "binary": STANDARD.encode(bytes) }),
        })
    })
}

fn raw_socket_io_events(
    arguments: &SubscribeArguments,
    once: bool,
) -> impl Stream<Item = anyhow::Result<Value>> + use<> {
    let interest = raw::SocketIoInterest {
        namespace: arguments.namespace.clone(),
        event: arguments.event.clone(),
        mode: arguments.socket_io_mode(),
    };
    raw::socket_io_events(&arguments.url, &interest, &trusted(arguments), once)
        .map(|event| Ok(serde_json::to_value(event?)?))
}

/// Runs the subscriber of the load generator. It resumes, in the same way on every transport.
async fn follow(arguments: &SubscribeArguments) -> anyhow::Result<Exit> {
    let target = Target::resolve_trusting(&arguments.url, &trusted(arguments)).await?;
    let client = client(arguments);
    let subscriber = Subscriber {
        transport: arguments.transport,
        client: &client,
        target: &target,
        settings: settings(arguments),
        seed: std::process::id().into(),
        cut: None,
        outbox: None,
    };
    let mut failed = None;
    let observe = |event: SubscriberEvent<'_>| match event {
        SubscriberEvent::Event(event) => failed = failed.take().or(print_event(event).err()),
        SubscriberEvent::Interrupted { why, pause } => print::talk(&format!(
            "{}; resuming in {} ms",
            why.map_or_else(|| "the server ended the subscription".to_owned(), chain),
            pause.as_millis()
        )),
    };
    let refused = run_subscriber(&subscriber, arguments.after, observe).await;
    Err(failed.unwrap_or_else(|| refused.into()))
}

/// Follows the feed until the connection ends.
async fn follow_once(arguments: &SubscribeArguments) -> anyhow::Result<Exit> {
    let target = Target::resolve_trusting(&arguments.url, &trusted(arguments)).await?;
    let client = client(arguments);
    let settings = settings(arguments);
    let mut events = wirebench_loadgen::subscribe(
        arguments.transport,
        &client,
        &target,
        arguments.after,
        &settings,
    );
    while let Some(event) = events.next().await {
        print_event(&event?)?;
    }
    Ok(Exit::Done)
}

/// Returns a client without an emulated link, because a real network leads to the server.
fn client(arguments: &SubscribeArguments) -> HttpClient {
    let http = HttpSettings { version: arguments.http_version, ..HttpSettings::default() };
    HttpClient::new(Dialer::new(LinkSettings::default(), 0), http)
}

fn trusted(arguments: &SubscribeArguments) -> TrustedCertificates {
    match &arguments.ca {
        _ if arguments.insecure => TrustedCertificates::Any,
        Some(file) => TrustedCertificates::File(file.clone()),
        None => TrustedCertificates::System,
    }
}

fn settings(arguments: &SubscribeArguments) -> SubscriberSettings {
    SubscriberSettings {
        interval: arguments.interval,
        hold: arguments.hold,
        short_polling_mode: arguments.short_polling_mode(),
        socket_io_mode: arguments.socket_io_mode(),
        headers: Headers::Browser,
        payloads: true,
        ..SubscriberSettings::default()
    }
}

/// Prints a line for a message or a gap. Prints nothing for other events.
fn print_event(event: &Event) -> anyhow::Result<()> {
    let line = match event {
        Event::Received { cursor, published_at, received_at, payload, .. } => {
            // `null` if the clocks of two hosts disagree.
            let delay = received_at.checked_since(*published_at);
            let payload = match payload {
                Some(ReceivedPayload::Json(json)) => format!("\"payload\":{json}"),
                Some(ReceivedPayload::Binary(bytes)) => {
                    format!("\"payload_base64\":\"{}\"", STANDARD.encode(bytes))
                }
                None => anyhow::bail!("a message came without the payload that was asked for"),
            };
            format!(
                "{{\"seq\":{},\"published_ns\":{},\"delay_us\":{},\"cursor\":\"{cursor}\",\
                 {payload}}}\n",
                cursor.seq,
                published_at.as_nanos(),
                delay.map_or_else(|| "null".to_owned(), |delay| delay.as_micros().to_string()),
            )
        }
        Event::Damaged { cursor, .. } => {
            print::talk(&format!("the payload of message {} is no Base64", cursor.seq));
            return Ok(());
        }
        Event::Gap { gap, cursor } => format!("{}\n", json!({ "gap": gap, "cursor": cursor })),
        Event::Connected { .. }
        | Event::Request { .. }
        | Event::Empty { .. }
        | Event::Closing
        | Event::Retry { .. }
        | Event::Upstream(_)
        // This command subscribes to wirebench's own server, whose messages are no strangers.
        | Event::Watched(_) => return Ok(()),
    };
    print::data(&line)
}

/// Returns an error with its causes, in one line.
fn chain(error: &wirebench_loadgen::SubscribeError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a duration above zero, such as `500ms` or `25s`".to_owned()),
    }
}
