//! The client half of each transport at a target server, as a target file describes it.

mod message_format;
mod opening;
mod poll_format;
mod polling;
mod resume;
mod socket_io;
mod sse;
mod watch_format;
mod websocket;

use futures::stream::{BoxStream, StreamExt};
use wirebench_measure::Event;
use wirebench_protocol::Transport;

use self::polling::ForeignPolling;
use self::socket_io::ForeignSocketIo;
use self::sse::ForeignSse;
use self::websocket::ForeignWebSocket;
use super::client;
use crate::error::SubscribeError;

pub(super) use opening::ForeignOpening;
pub(crate) use resume::ResumeToken;

/// Returns the events of a subscription. Values of environment variables, which may be secrets, do
/// not get into its errors.
pub(super) fn events(opening: ForeignOpening<'_>) -> BoxStream<'_, Result<Event, SubscribeError>> {
    let foreign = opening.foreign;
    let events = match foreign.transport() {
        Transport::ShortPolling | Transport::LongPolling => {
            client::events::<ForeignPolling<'_>, _>(opening)
        }
        Transport::Sse => client::events::<ForeignSse<'_>, _>(opening),
        Transport::WebSocket => client::events::<ForeignWebSocket<'_>, _>(opening),
        Transport::SocketIo => client::events::<ForeignSocketIo<'_>, _>(opening),
    };
    events.map(|event| event.map_err(|error| error.edited(|text| foreign.blank(text)))).boxed()
}
