//! The client's side of Engine.IO 4 and Socket.IO 5: packets, and sessions over requests, over a
//! WebSocket, or over one after the other.

mod attachments;
mod connector;
mod engine_packet;
mod packet;
mod payload;
mod requests;
mod session;

pub(crate) use attachments::{Assembled, Assembler};
pub(crate) use connector::Connector;
pub(crate) use engine_packet::{Frame, Malformed};
pub(crate) use packet::{Packet, PacketType, ROOT, connect_error};
#[cfg(any(fuzzing, test))]
pub(crate) use payload::{join, split};
pub(crate) use session::{SessionEvent, SocketIoSession};
