//! What the load generator measures, for Prometheus, while it runs: `run --metrics ADDR`.

mod delivery;
mod figures;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use wirebench_loadgen::Progress;
use wirebench_scenario::{Run, Scenario};

use self::figures::Figures;

/// The figures of all runs of this program, and the HTTP server that shows them. Dropping it ends the
/// server.
#[derive(Debug)]
pub(super) struct RunMetrics {
    figures: Arc<Figures>,
    address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl RunMetrics {
    /// Serves the figures at `/metrics` of this address.
    ///
    /// # Errors
    /// The address is in use, or is not one of this machine.
    pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener
            .with_context(|| format!("cannot serve metrics at `{address}`: use another"))?;
        let address = listener.local_addr().context("cannot tell the address of the metrics")?;
        let figures = Arc::new(Figures::new());
        let router = Router::new().route("/metrics", get(show)).with_state(Arc::clone(&figures));
        let serving = tokio::spawn(async move {
            // It ends with the program. What a scraper does wrong concerns its connection only.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { figures, address, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Returns where the figures are.
    pub(super) fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Something happened in a run.
    pub(super) fn observe(&self, scenario: &Scenario, run: &Run, progress: &Progress) {
        self.figures.observe(&scenario.top.name, run, progress);
    }
}

async fn show(State(figures): State<Arc<Figures>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], figures.text())
}
