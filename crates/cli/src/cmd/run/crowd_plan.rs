//! Which processes run the subscribers of a run.

use std::net::IpAddr;
use std::sync::Arc;

use wirebench_loadgen::{CrowdPart, CrowdShare, LocalPart, Target, TrustedCertificates};
use wirebench_scenario::{Run, Scenario};

use crate::crew::{Crew, CrewArguments, CrewServer, FeedAddress};

/// Which processes run the subscribers of a run: this one, or agents.
#[derive(Clone, Copy, Debug)]
pub(super) struct CrowdPlan<'a> {
    /// The threads of this process, if it is this one.
    pub(super) workers: usize,
    /// The seed of the runs.
    pub(super) seed: u64,
    pub(super) crew: Option<&'a Crew>,
    /// Where the server of a run has to listen.
    pub(super) listen_on: IpAddr,
    pub(super) arguments: &'a CrewArguments,
}

impl CrowdPlan<'_> {
    /// Returns the parts of the crowd of a run. `server` says to agents what `target` says to this
    /// process.
    pub(super) async fn parts(
        &self,
        scenario: &Scenario,
        run: &Run,
        target: &Target,
        server: impl FnOnce() -> anyhow::Result<CrewServer>,
    ) -> anyhow::Result<Vec<Arc<dyn CrowdPart>>> {
        match self.crew {
            None => {
                let all = CrowdShare::all(run.subscribers);
                Ok(vec![Arc::new(LocalPart::new(run, target, all, self.workers))])
            }
            Some(crew) => crew.parts(scenario, self.seed, run, server()?).await,
        }
    }

    /// Returns how agents reach a feed on servers of this machine.
    pub(super) fn own_servers(
        &self,
        addresses: Vec<(String, TrustedCertificates)>,
    ) -> anyhow::Result<CrewServer> {
        let advertised = addresses.into_iter().map(|(url, trusted)| {
            let certificate = match trusted {
                TrustedCertificates::Pinned(certificate) => Some(certificate),
                _ => None,
            };
            Ok(FeedAddress { url: self.arguments.advertised(&url)?, certificate })
        });
        Ok(CrewServer::Own(advertised.collect::<anyhow::Result<_>>()?))
    }
}
