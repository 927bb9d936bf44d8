//! Admission control: counts open connections and enforces the connection limits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::limits::Limits;
use crate::log_limit::LogLimit;

/// Refused connections that are answered at the same time. Further ones are closed without an
/// answer.
const MAX_REFUSING: usize = 64;

/// Counts connections, and those of each address if addresses are limited.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    admitted: AtomicUsize,
    refusing: AtomicUsize,
    /// The connections of each address that has any. Empty if addresses are not limited.
    addresses: Mutex<HashMap<IpAddr, usize>>,
    /// Limits how often it is logged that connections are refused.
    pub(crate) refusal_log: LogLimit,
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is served.
    Admitted,
    /// Its first request is answered with `503`.
    Refused,
    /// It is closed at once, because too many are being refused already. It is not counted.
    Dropped,
}

impl Admission {
    /// Returns the number of connections that are open now, without those that are being refused.
    pub(crate) fn connections(&self) -> usize {
        self.admitted.load(Relaxed)
    }

    /// Counts a new connection. No connection is closed to make room for it. `address` is `None`
    /// for the connection of a trusted proxy: its clients are counted instead, each with its own
    /// requests.
    pub(crate) fn admit(&self, address: Option<IpAddr>, limits: &Limits) -> Decision {
        let before = self.admitted.fetch_add(1, Relaxed);
        let fits = limits.connections.is_none_or(|most| before < most)
            && address.is_none_or(|address| self.admit_address(address, limits));
        if fits {
            return Decision::Admitted;
        }
        self.admitted.fetch_sub(1, Relaxed);
        if self.refusing.fetch_add(1, Relaxed) < MAX_REFUSING {
            return Decision::Refused;
        }
        self.refusing.fetch_sub(1, Relaxed);
        Decision::Dropped
    }

    /// Counts the end of a connection that was admitted.
    pub(crate) fn leave(&self, address: Option<IpAddr>) {
        self.admitted.fetch_sub(1, Relaxed);
        if let Some(address) = address {
            self.leave_address(address);
        }
    }

    /// Counts the end of a connection that was refused.
    pub(crate) fn leave_refused(&self) {
        self.refusing.fetch_sub(1, Relaxed);
    }

    /// Counts one more connection of an address. Returns false if it has too many already. Always
    /// returns true if addresses are not limited.
    pub(crate) fn admit_address(&self, address: IpAddr, limits: &Limits) -> bool {
        let Some(most) = limits.connections_per_address else { return true };
        let mut addresses = self.addresses.lock();
        let connections = addresses.get(&address).copied().unwrap_or_default();
        let fits = connections < most;
        if fits {
            addresses.insert(address, connections + 1);
        }
        fits
    }

    /// Counts one less connection of an address.
    pub(crate) fn leave_address(&self, address: IpAddr) {
        let mut addresses = self.addresses.lock();
        if let Some(connections) = addresses.get_mut(&address) {
            *connections -= 1;
            if *connections == 0 {
                addresses.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::Decision::{Admitted, Dropped, Refused};
    use super::*;

    #[test]
    fn a_connection_over_a_limit_is_refused_until_another_ends() {
        let limits =
            Limits { connections: Some(3), connections_per_address: Some(2), ..Limits::default() };
        let admission = Admission::default();
        let [one, other] = [1, 2].map(|last| Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))));
        assert_eq!([one, one].map(|address| admission.admit(address, &limits)), [Admitted; 2]);
        assert_eq!(admission.admit(one, &limits), Refused, "two from one address");
        assert_eq!(admission.admit(other, &limits), Admitted);
        assert_eq!(admission.admit(None, &limits), Refused, "three in all");
        assert_eq!(admission.connections(), 3);
        admission.leave(one);
        assert_eq!(admission.admit(other, &limits), Admitted);
        assert_eq!(admission.connections(), 3);
    }

    #[test]
    fn a_connection_is_dropped_when_too_many_are_being_refused() {
        let limits = Limits { connections: Some(0), ..Limits::default() };
        let admission = Admission::default();
        for _ in 0..MAX_REFUSING {
            assert_eq!(admission.admit(None, &limits), Refused);
        }
        assert_eq!(admission.admit(None, &limits), Dropped);
        admission.leave_refused();
        assert_eq!(admission.admit(None, &limits), Refused);
    }
}
