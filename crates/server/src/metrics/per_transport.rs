//! One value for each transport.

use wirebench_protocol::Transport;

/// The label of what belongs to no transport: pages, health checks, connections without a request.
pub(super) const OTHER: &str = "none";

/// One value for each transport, and one for what belongs to none.
#[derive(Debug)]
pub(super) struct PerTransport<T> {
    transports: [T; Transport::COUNT],
    other: T,
}

impl<T> PerTransport<T> {
    /// Creates each value from its label.
    pub(super) fn new(create: impl Fn(&'static str) -> T) -> Self {
        Self {
            transports: Transport::ALL.map(|transport| create(transport.name())),
            other: create(OTHER),
        }
    }

    /// Returns the value of a transport; of `None`, the value of what belongs to none.
    pub(super) fn of(&self, transport: impl Into<Option<Transport>>) -> &T {
        match transport.into() {
            Some(transport) => &self.transports[transport as usize],
            None => &self.other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transport_has_the_value_of_its_own_label() {
        let labels = PerTransport::new(|label| label);
        for transport in Transport::ALL {
            assert_eq!(*labels.of(transport), transport.name());
        }
        assert_eq!(*labels.of(None), OTHER);
    }
}
