//! Socket.IO.

use wirebench_measure::Event;

use super::client::{Client, Opening};
use crate::error::SubscribeError;

pub(super) struct SocketIo;

impl<'a> Client<'a> for SocketIo {
    async fn open(_: Opening<'a>) -> Result<Self, SubscribeError> {
        Ok(Self)
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        Ok(None)
    }
}
