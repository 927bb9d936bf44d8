//! The arguments of `wirebench subscribe`.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::{Args, ValueHint};
use wirebench_protocol::{After, ShortPollingMode, SocketIoMode, Transport};

use super::mode::ModeArgument;
use crate::client_arguments::{HeaderArguments, TrustArguments, duration};
use crate::transport_argument::transport_parser;

/// Subscribe to a feed and print one JSON line per message, with its delay
///
/// Says on standard error when it is connected, and why and when it connects again. The URL names a
/// server (`http://127.0.0.1:8080`, for its feed `bench`) or a feed
/// (`http://127.0.0.1:8080/feeds/quotes`). Uses the client code of the load generator. Resumes after
/// every interruption, until SIGTERM or Ctrl-C.
#[derive(Args, Debug)]
pub(crate) struct SubscribeArguments {
    /// URL of the server or the feed; with `--raw`, exactly the URL to request
    #[arg(value_hint = ValueHint::Url)]
    pub(super) url: String,
    /// The transport that carries the messages; short names are `sp`, `lp`, `ws` and `sio`
    #[arg(long, value_name = "NAME", value_parser = transport_parser())]
    pub(super) transport: Transport,
    /// Start after this cursor; `start` means with the oldest message that the feed still has
    /// [default: after the newest message]
    #[arg(long, value_name = "CURSOR", default_value = "", hide_default_value = true)]
    pub(super) after: After,
    /// Subscribe to any server with a transport that streams, and print what it sends without
    /// decoding it
    #[arg(long)]
    pub(super) raw: bool,
    /// End when the connection ends, instead of reconnecting
    #[arg(long)]
    pub(super) once: bool,
    /// End after this many messages
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub(super) messages: Option<NonZeroU64>,
    /// End after this time. With `-n`, fail if fewer messages have come by then
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) duration: Option<Duration>,
    /// Short polling: time from the start of one poll to the start of the next
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub(super) interval: Duration,
    /// Long polling: how long the server may hold a poll
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = duration)]
    pub(super) hold: Duration,
    /// Short polling: what each poll asks for, `cursor`, `table` (the same, from the database) or
    /// `whole` (all messages) [default: cursor]. Socket.IO: `polling`, `websocket`, or `upgrade`,
    /// which begins with polling [default: upgrade]
    #[arg(long, value_name = "MODE")]
    pub(super) mode: Option<ModeArgument>,
    /// Socket.IO with `--raw`: the namespace
    #[arg(long, value_name = "NAME", default_value = "/", requires = "raw")]
    pub(super) namespace: String,
    /// Socket.IO with `--raw`: print this event only [default: every event]
    #[arg(long, value_name = "NAME", requires = "raw")]
    pub(super) event: Option<String>,
    /// Version of HTTP: 1 or 2
    #[arg(long, value_name = "VERSION", default_value = "1",
          value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(super) http_version: u8,
    #[command(flatten)]
    pub(super) headers: HeaderArguments,
    #[command(flatten)]
    pub(super) trust: TrustArguments,
}

impl SubscribeArguments {
    pub(super) fn short_polling_mode(&self) -> ShortPollingMode {
        match self.mode {
            Some(ModeArgument::ShortPolling(mode)) => mode,
            Some(ModeArgument::SocketIo(_)) | None => ShortPollingMode::default(),
        }
    }

    pub(super) fn socket_io_mode(&self) -> SocketIoMode {
        match self.mode {
            Some(ModeArgument::SocketIo(mode)) => mode,
            Some(ModeArgument::ShortPolling(_)) | None => SocketIoMode::default(),
        }
    }
}
