//! What is probed, and how.

use std::time::Duration;

use wirebench_loadgen::TrustedCertificates;

use super::address::ProbedUrl;

/// What every transport is asked.
pub(super) struct Probe {
    pub(super) url: ProbedUrl,
    /// How long it listens.
    pub(super) listen: Duration,
    pub(super) trusted: TrustedCertificates,
}
