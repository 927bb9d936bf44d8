//! One instance of the server, from its start to its stop or restart.

use std::cell::Cell;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wirebench_demos::Demos;
use wirebench_server::{ControlApi, Server, Token};
use wirebench_store::Changes;

/// The server between two restarts. A restart makes another instance, with empty feeds in new
/// epochs, or with those of the store. So the new instance treats a cursor of the old one in the
/// same way as a server process that was started again.
pub(super) struct Instance {
    server: Server,
    /// `None` if the demos are off.
    demos: Option<Demos>,
    /// What tells of messages that other servers append. `None` if the feeds are in memory.
    changes: Option<Changes>,
    /// The token of the control API.
    token: Token,
}

/// Why an instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndReason {
    /// The server was asked to stop.
    Stop,
    /// A page of the demos asked for a restart.
    Restart,
}

impl Instance {
    pub(super) fn new(
        server: Server,
        demos: Option<Demos>,
        changes: Option<Changes>,
        token: Token,
    ) -> Self {
        Self { server, demos, changes, token }
    }

    /// Returns the demos of this instance. `None` if they are off.
    pub(super) fn demos(&self) -> Option<Demos> {
        self.demos.clone()
    }

    /// Serves until the server is asked to stop or to restart.
    pub(super) async fn run(
        self,
        (listener, control_listener): (TcpListener, TcpListener),
        stop: &CancellationToken,
    ) -> EndReason {
        let Self { server, demos, changes, token } = self;
        let control = ControlApi::new(server.clone(), token);
        let app = demos.as_ref().map_or_else(|| server.router(), |demos| demos.app(&server));
        let end_reason = Cell::new(EndReason::Stop);
        let shutdown = async {
            tokio::select! {
                () = stop.cancelled() => {}
                () = wait_for(demos.as_ref(), Demos::restart_requested) => {
                    end_reason.set(EndReason::Restart);
                }
            }
        };
        tokio::select! {
            () = server.serve_app(listener, app, shutdown) => {}
            () = control.serve(control_listener) => {}
            () = wait_for(demos.as_ref(), Demos::run) => {}
            () = follow_store(&server, changes) => {}
        }
        end_reason.get()
    }
}

/// Brings what other servers append to the store, for ever.
async fn follow_store(server: &Server, changes: Option<Changes>) {
    match changes {
        Some(changes) => server.follow_store(changes).await,
        None => std::future::pending().await,
    }
}

/// Waits for a future of the demos. Without demos it waits for ever.
async fn wait_for(demos: Option<&Demos>, wait: impl AsyncFn(&Demos)) {
    match demos {
        Some(demos) => wait(demos).await,
        None => std::future::pending().await,
    }
}
