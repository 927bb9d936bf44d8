//! Who is connected, and whether there is room for one more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::limits::Limits;
use crate::log_limit::LogLimit;

/// Counts connections, and addresses where they are limited.
#[derive(Debug, Default)]
pub(crate) struct Census {
    connected: AtomicUsize,
    refused: AtomicUsize,
    /// Limits how often it is logged that connections are refused.
    refusals: LogLimit,
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
    /// connected are never evicted for it. `None` is the address of a connection for many clients, each
    /// of which has its own.
    pub(crate) fn enter(&self, address: Option<IpAddr>, limits: &Limits) -> bool {
        let before = self.connected.fetch_add(1, Relaxed);
        let fits = limits.connections.is_none_or(|most| before < most)
            && address.is_none_or(|address| self.enter_address(address, limits));
        if !fits {
            self.connected.fetch_sub(1, Relaxed);
            self.refused.fetch_add(1, Relaxed);
        }
        fits
    }

    /// Limits how often it is logged that connections are refused.
    pub(crate) fn refusals(&self) -> &LogLimit {
        &self.refusals
    }

    /// Counts a connection out.
    pub(crate) fn leave(&self, address: Option<IpAddr>, refused: bool) {
        if refused {
            self.refused.fetch_sub(1, Relaxed);
            return;
        }
        self.connected.fetch_sub(1, Relaxed);
        if let Some(address) = address {
            self.leave_address(address);
        }
    }

    /// Counts one more of an address; false where it is one too many. Always true where addresses are not
    /// limited.
    pub(crate) fn enter_address(&self, address: IpAddr, limits: &Limits) -> bool {
        let Some(most) = limits.connections_per_address else { return true };
        let mut addresses = self.addresses();
        let connected = addresses.get(&address).copied().unwrap_or_default();
        let fits = connected < most;
        if fits {
            addresses.insert(address, connected + 1);
        }
        fits
    }

    /// Counts one less of an address.
    pub(crate) fn leave_address(&self, address: IpAddr) {
        let mut addresses = self.addresses();
        if let Some(connected) = addresses.get_mut(&address) {
            *connected -= 1;
            if *connected == 0 {
                addresses.remove(&address);
            }
        }
    }

    fn addresses(&self) -> parking_lot::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.addresses.lock()
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
        let [one, other] = [1, 2].map(|last| Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))));
        assert!(census.enter(one, &limits) && census.enter(one, &limits));
        assert!(!census.enter(one, &limits), "two from one address");
        assert!(census.enter(other, &limits));
        assert!(!census.enter(None, &limits), "three in all");
        assert_eq!((census.connected(), census.refused()), (3, 2));
        census.leave(one, false);
        assert!(census.enter(other, &limits));
        census.leave(other, true);
        assert_eq!((census.connected(), census.refused()), (3, 1));
        let refusals = census.refusals();
        assert!(refusals.is_due() && !refusals.is_due(), "logged once, not with every one");
    }
}
