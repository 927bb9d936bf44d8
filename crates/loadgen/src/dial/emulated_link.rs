//! The link that a scenario emulates: its delay and jitter each way, over a socket.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;
use tokio_util::either::Either;
use wirebench_link::{Delay, DelayLine};
use wirebench_protocol::Timestamp;
use wirebench_scenario::LinkSettings;

use super::arrivals::Arrivals;
use super::counted_socket::CountedSocket;

/// A socket without or with an emulated link over it. What lies above is HTTP, or TLS.
pub(super) type LinkedSocket = Either<CountedSocket, Box<DelayLine<CountedSocket, EmulatedLink>>>;

/// Draws the delay of each piece and stamps what came over the link.
#[derive(Debug)]
pub(super) struct EmulatedLink {
    link: LinkSettings,
    random: SmallRng,
    arrivals: Arrivals,
}

impl EmulatedLink {
    /// Lays `link` over a socket. `random` draws its jitter.
    pub(super) fn over(
        socket: CountedSocket,
        link: LinkSettings,
        random: SmallRng,
        arrivals: Arrivals,
    ) -> LinkedSocket {
        let delay = Self { link, random, arrivals };
        Either::Right(Box::new(DelayLine::new(socket, delay)))
    }
}

impl Delay for EmulatedLink {
    fn next(&mut self) -> Duration {
        match self.link.jitter {
            none if none.is_zero() => self.link.delay,
            jitter => self.link.delay + jitter.mul_f64(self.random.random()),
        }
    }

    fn arrived(&mut self, due: Timestamp) {
        self.arrivals.set(due);
    }
}
