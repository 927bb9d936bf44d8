//! Who is connected, and whether there is room for one more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::Limits;

/// A log is to say that connections are refused, not to be filled with it.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Counts connections, and addresses where they are limited.
#[derive(Debug, Default)]
pub(crate) struct Census {
    connected: AtomicUsize,
    refused: AtomicUsize,
    /// When it was last said that connections are refused.
    said: Mutex<Option<Instant>>,
    /// Connections of each address that has any. Empty where addresses are not limited.
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

impl Census {
    /// Connections that are open now, those that were refused not included.
    pub(crate) fn connected(&self) -> usize {
        self.connected.load(Relaxed)
    }

    /// Connections that are being refused now.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Relaxed)
    }

    /// Counts a connection; false where it is one too many, and counted as refused. Those that are
    /// connected are never evicted for it.
    pub(crate) fn enter(&self, address: IpAddr, limits: &Limits) -> bool {
        let before = self.connected.fetch_add(1, Relaxed);
        let fits = limits.connections.is_none_or(|most| before < most)
            && limits.connections_per_address.is_none_or(|most| self.enter_address(address, most));
        if !fits {
            self.connected.fetch_sub(1, Relaxed);
            self.refused.fetch_add(1, Relaxed);
        }
        fits
    }

    /// Whether it is time to say that connections are refused: once in ten seconds, however many are.
    pub(crate) fn says_so(&self) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let due = said.is_none_or(|said| said.elapsed() >= SAID_EVERY);
        if due {
            *said = Some(Instant::now());
        }
        due
    }

    /// Counts a connection out.
    pub(crate) fn leave(&self, address: IpAddr, refused: bool) {
        if refused {
            self.refused.fetch_sub(1, Relaxed);
            return;
        }
        self.connected.fetch_sub(1, Relaxed);
        let mut addresses = self.addresses();
        if let Some(connected) = addresses.get_mut(&address) {
            *connected -= 1;
            if *connected == 0 {
                addresses.remove(&address);
            }
        }
    }

    fn enter_address(&self, address: IpAddr, most: usize) -> bool {
        let mut addresses = self.addresses();
        let connected = addresses.entry(address).or_default();
        let fits = *connected < most;
        *connected += usize::from(fits);
        fits
    }

    fn addresses(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn one_too_many_is_refused_and_there_is_room_again_when_one_leaves() {
        let limits =
            Limits { connections: Some(3), connections_per_address: Some(2), ..Limits::default() };
        let census = Census::default();
        let [one, other] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
        assert!(census.enter(one, &limits) && census.enter(one, &limits));
        assert!(!census.enter(one, &limits), "two from one address");
        assert!(census.enter(other, &limits));
        assert!(!census.enter(other, &limits), "three in all");
        assert_eq!((census.connected(), census.refused()), (3, 2));
        census.leave(one, false);
        assert!(census.enter(other, &limits));
        census.leave(other, true);
        assert_eq!((census.connected(), census.refused()), (3, 1));
        assert!(census.says_so() && !census.says_so(), "said once, not with every one");
    }
}
