//! A scenario in the making: what could be read of each key, with its place.

use std::path::Path;
use std::time::Duration;

use wirebench_protocol::Transport;
use wirebench_protocol::control::{Pace, Payload};

use super::data;
use super::faults::FaultDraft;
use super::reader::{Placed, Reader};
use super::reconnect::ReconnectDraft;
use crate::keys;
use crate::{Connections, Headers, Problem, Scenario, Threshold, Timing};

/// A missing value here means that its problem is known already.
pub(super) struct Draft {
    pub(super) name: Option<Placed<String>>,
    pub(super) about: Option<Placed<String>>,
    pub(super) transports: Vec<Placed<Transport>>,
    pub(super) rate: Vec<Placed<f64>>,
    pub(super) pace: Vec<Placed<Pace>>,
    pub(super) payload: Vec<Placed<Payload>>,
    pub(super) window: Option<Placed<usize>>,
    pub(super) subscribers: Vec<Placed<usize>>,
    pub(super) ramp: Option<Placed<Duration>>,
    pub(super) connections: Vec<Placed<Connections>>,
    pub(super) warm_up: Option<Placed<Duration>>,
    pub(super) measure: Option<Placed<Duration>>,
    pub(super) drain: Option<Placed<Duration>>,
    pub(super) repeat: Option<Placed<u32>>,
    pub(super) delay: Vec<Placed<Duration>>,
    pub(super) jitter: Vec<Placed<Duration>>,
    pub(super) version: Vec<Placed<u8>>,
    pub(super) tls: Vec<Placed<bool>>,
    pub(super) headers: Option<Placed<Headers>>,
    pub(super) interval: Vec<Placed<Duration>>,
    pub(super) hold: Vec<Placed<Duration>>,
    pub(super) reconnect: ReconnectDraft,
    pub(super) faults: FaultDraft,
}

impl Draft {
    pub(super) fn read(reader: &mut Reader<'_, '_>, folder: &Path) -> Self {
        Self {
            name: reader.one(&keys::NAME),
            about: reader.one(&keys::ABOUT),
            transports: reader.several(&keys::TRANSPORTS),
            rate: reader.several(&keys::RATE),
            pace: reader.several(&keys::PACE),
            payload: payloads(reader, folder),
            window: reader.one(&keys::WINDOW),
            subscribers: reader.several(&keys::SUBSCRIBERS),
            ramp: reader.one(&keys::RAMP),
            connections: reader.several(&keys::CONNECTIONS),
            warm_up: reader.one(&keys::WARM_UP),
            measure: reader.one(&keys::MEASURE),
            drain: reader.one(&keys::DRAIN),
            repeat: reader.one(&keys::REPEAT),
            delay: reader.several(&keys::DELAY),
            jitter: reader.several(&keys::JITTER),
            version: reader.several(&keys::VERSION),
            tls: reader.several(&keys::TLS),
            headers: reader.one(&keys::HEADERS),
            interval: reader.several(&keys::INTERVAL),
            hold: reader.several(&keys::HOLD),
            reconnect: ReconnectDraft::read(reader),
            faults: FaultDraft::read(reader),
        }
    }

    /// The scenario, if nothing is missing; called `file_name` where it gives itself no name.
    pub(super) fn build(self, file_name: &str, thresholds: Vec<Threshold>) -> Option<Scenario> {
        Some(Scenario {
            name: match self.name?.value {
                name if name.is_empty() => file_name.to_owned(),
                name => name,
            },
            about: self.about?.value,
            transports: values(self.transports),
            rate: values(self.rate),
            pace: values(self.pace),
            payload: values(self.payload),
            window: self.window?.value,
            subscribers: values(self.subscribers),
            ramp: self.ramp?.value,
            timing: Timing {
                warm_up: self.warm_up?.value,
                measure: self.measure?.value,
                drain: self.drain?.value,
                repeat: self.repeat?.value,
            },
            delay: values(self.delay),
            jitter: values(self.jitter),
            version: values(self.version),
            tls: values(self.tls),
            headers: self.headers?.value,
            connections: values(self.connections),
            interval: values(self.interval),
            hold: values(self.hold),
            reconnect: self.reconnect.build(),
            faults: self.faults.build(),
            thresholds,
        })
    }
}

pub(super) fn values<T>(placed: Vec<Placed<T>>) -> Vec<T> {
    placed.into_iter().map(|placed| placed.value).collect()
}

/// Payloads, their files looked for from `folder`.
fn payloads(reader: &mut Reader<'_, '_>, folder: &Path) -> Vec<Placed<Payload>> {
    let mut payloads = reader.several::<Payload>(&keys::PAYLOAD);
    payloads.retain_mut(|Placed { value, place }| {
        let Payload::File(path) = value else { return true };
        match data::resolve(folder, path) {
            Ok(full) => {
                *path = full;
                true
            }
            Err((message, hint)) => {
                let message = format!("the file of `{}` {message}", keys::PAYLOAD.path());
                reader.problems.extend(place.take().map(|place| Problem { place, message, hint }));
                false
            }
        }
    });
    payloads
}
