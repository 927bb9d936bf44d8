//! The transports that the workbench compares, and the facts about each that more than one crate
//! needs.

use serde::Serialize;
use strum::VariantArray;

use crate::delivery::Delivery;
use crate::named::named;
use crate::socket_io::SocketIoMode;
use crate::uplink::Uplink;

/// A way for messages to reach a subscriber.
///
/// The set is closed: every place that treats the transports differently matches on this enum, or
/// on [`Delivery`], without a wildcard. The compiler then lists what a new transport has to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum Transport {
    /// The subscriber asks at a fixed interval and is answered at once.
    ShortPolling,
    /// The subscriber asks, and is answered when there is a message or the hold time is over.
    LongPolling,
    /// One response that never ends (WHATWG HTML, section 9.2).
    Sse,
    /// Frames in both directions over an upgraded connection (RFC 6455).
    WebSocket,
    /// Events over Engine.IO 4 and Socket.IO 5: requests that poll, a WebSocket, or a WebSocket
    /// after a beginning with requests.
    SocketIo,
}

/// The shape that marks a transport in charts and legends, so that colour is never the only
/// difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Marker {
    /// A square that stands on a side.
    Square,
    /// A square that stands on a corner.
    Diamond,
    /// A triangle that points up.
    Triangle,
    /// A circle.
    Circle,
    /// An upright cross of two bars.
    Cross,
}

/// What pages and reports need in order to show a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    /// The name in scenario files, reports, paths and on the command line.
    pub name: &'static str,
    /// The name in running text and legends.
    pub label: &'static str,
    /// The colour on a light page, as CSS takes it.
    pub colour: &'static str,
    /// The colour on a dark page, as CSS takes it.
    pub colour_dark: &'static str,
    /// The shape of its marker.
    pub marker: Marker,
    /// The lengths of strokes and gaps of its lines, in pixels. An empty list is a solid line.
    pub dash: &'static [u8],
}

named!(Transport, "transport");

impl Transport {
    /// Returns the name in scenario files, reports, paths and on the command line.
    pub const fn name(self) -> &'static str {
        self.look().name
    }

    /// Returns the short name that the command line understands as well. `None` if the name is
    /// short already.
    pub const fn short_name(self) -> Option<&'static str> {
        match self {
            Self::ShortPolling => Some("sp"),
            Self::LongPolling => Some("lp"),
            Self::Sse => None,
            Self::WebSocket => Some("ws"),
            Self::SocketIo => Some("sio"),
        }
    }

    /// Returns what pages and reports need in order to show this transport.
    pub const fn look(self) -> Look {
        match self {
            Self::ShortPolling => Look {
                name: "short-polling",
                label: "Short polling",
                colour: "#9c2f2f",
                colour_dark: "#e2706a",
                marker: Marker::Square,
                dash: &[2, 3],
            },
            Self::LongPolling => Look {
                name: "long-polling",
                label: "Long polling",
                colour: "#c9850a",
                colour_dark: "#f2b84b",
                marker: Marker::Diamond,
                dash: &[8, 3, 2, 3],
            },
            Self::Sse => Look {
                name: "sse",
                label: "SSE",
                colour: "#1593a5",
                colour_dark: "#4cd0dd",
                marker: Marker::Triangle,
                dash: &[6, 3],
            },
            Self::WebSocket => Look {
                name: "websocket",
                label: "WebSocket",
                colour: "#1f4fbf",
                colour_dark: "#7b9dff",
                marker: Marker::Circle,
                dash: &[],
            },
            Self::SocketIo => Look {
                name: "socket.io",
                label: "Socket.IO",
                colour: "#7a3d9c",
                colour_dark: "#c792ea",
                marker: Marker::Cross,
                dash: &[12, 4],
            },
        }
    }

    /// Returns how a subscriber sends while it is subscribed over this transport. Of Socket.IO, that
    /// is how it does so in its default mode.
    pub const fn uplink(self) -> Uplink {
        match self {
            Self::ShortPolling => Uplink::OwnConnection,
            Self::LongPolling | Self::Sse => Uplink::SecondConnection,
            Self::WebSocket | Self::SocketIo => Uplink::Frame,
        }
    }

    /// Returns how a subscriber sends over this transport in `mode`, which only Socket.IO has.
    pub fn uplink_in(self, mode: Option<SocketIoMode>) -> Uplink {
        mode.map_or(self.uplink(), SocketIoMode::uplink)
    }

    /// Returns how messages reach the subscriber over this transport. Of Socket.IO, that is how
    /// they do so in its default mode.
    pub const fn delivery(self) -> Delivery {
        match self {
            Self::ShortPolling => Delivery::Polled,
            Self::LongPolling => Delivery::Held,
            Self::Sse | Self::WebSocket | Self::SocketIo => Delivery::Pushed,
        }
    }

    /// Returns how messages reach the subscriber over this transport in `mode`, which only
    /// Socket.IO has.
    pub fn delivery_in(self, mode: Option<SocketIoMode>) -> Delivery {
        mode.map_or(self.delivery(), SocketIoMode::delivery)
    }

    /// Returns true if a subscriber asks again and again, so that requests and empty answers are
    /// worth counting.
    pub const fn polls(self) -> bool {
        self.delivery().asks()
    }

    /// Returns the path at which `feed` is subscribed to over this transport.
    pub fn path(self, feed: &str) -> String {
        match self {
            Self::ShortPolling | Self::LongPolling | Self::Sse | Self::WebSocket => {
                format!("/feeds/{feed}/{}", self.name())
            }
            // One path for all feeds: a feed is a namespace, which the client names after it has
            // connected.
            Self::SocketIo => "/socket.io/".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn transports_differ_in_everything_by_which_a_chart_tells_them_apart() {
        let facts: [fn(Look) -> String; 6] = [
            |look| look.name.to_owned(),
            |look| look.label.to_owned(),
            |look| look.colour.to_owned(),
            |look| look.colour_dark.to_owned(),
            |look| format!("{:?}", look.marker),
            |look| format!("{:?}", look.dash),
        ];
        for fact in facts {
            let distinct: BTreeSet<_> = Transport::ALL.map(|each| fact(each.look())).into();
            assert_eq!(distinct.len(), Transport::COUNT, "{distinct:?}");
        }
    }
}
