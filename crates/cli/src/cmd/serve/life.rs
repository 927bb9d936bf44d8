//! One life of the server, and the addresses that it has in common with the next.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use wirebench_demos::Demos;
use wirebench_server::{ControlApi, Feed, Server, Token, listen};

use super::Serve;
use super::options::Settings;

/// How long a server that returns tries to have its addresses back, which others may have taken.
const RETURN: Duration = Duration::from_secs(10);

/// The server from its start to its end. A restart begins another life, with empty feeds in new epochs:
/// what a cursor of the first means to the second is what a real restart would make of it.
pub(super) struct Life {
    server: Server,
    demos: Option<Demos>,
    /// Of the control API.
    token: Token,
}

/// Why a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Stop,
    Restart,
}

impl Life {
    /// A life of the server. The demos are set as in the one before, if there was one.
    pub(super) fn new(arguments: &Serve, settings: &Settings, before: Option<&Demos>) -> Self {
        let options = &arguments.options;
        let feeds = arguments.feed.iter();
        let feeds =
            feeds.map(|name| (name.clone(), options.feed(Feed::new(arguments.window.get()))));
        let token = settings.control_token.clone();
        // The demos' pages have no token to show.
        if arguments.no_demos || settings.needs_a_token() {
            return Self { server: settings.server(Server::new(feeds)), demos: None, token };
        }
        let fresh = || Demos::new(arguments.demo_controls.into());
        let demos = before.map_or_else(fresh, Demos::restarted);
        let server = Server::new(feeds.chain(demos.feeds())).with_layer(demos.layer());
        Self { server: settings.server(server), demos: Some(demos), token }
    }

    /// The demos of this life, unless they are off.
    pub(super) fn demos(&self) -> Option<Demos> {
        self.demos.clone()
    }

    /// Serves until told to stop or to restart.
    pub(super) async fn live(
        self,
        (listener, control_listener): (TcpListener, TcpListener),
        stop: &CancellationToken,
    ) -> End {
        let Self { server, demos, token } = self;
        let control = ControlApi::new(server.clone(), token);
        let app = demos.as_ref().map_or_else(|| server.router(), |demos| demos.app(&server));
        let end = Cell::new(End::Stop);
        let shutdown = async {
            tokio::select! {
                () = stop.cancelled() => {}
                () = on(demos.as_ref(), Demos::restart_requested) => end.set(End::Restart),
            }
        };
        tokio::select! {
            () = server.serve_app(listener, app, shutdown) => {}
            () = control.serve(control_listener) => {}
            () = on(demos.as_ref(), Demos::run) => {}
        }
        end.get()
    }
}

/// Waits for something of the demos; for ever where there are none.
async fn on(demos: Option<&Demos>, wait: impl AsyncFn(&Demos)) {
    match demos {
        Some(demos) => wait(demos).await,
        None => std::future::pending().await,
    }
}

pub(in crate::cmd) fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    listen(address).with_context(|| {
        format!(
            "cannot listen on {address}: stop what uses it, or choose another with `{flag}` \
             (port 0 takes any free one)"
        )
    })
}

/// Listens where the server listened before. Another program may have used the port meanwhile, if only
/// for a connection of its own: it is given a while to be done with it.
pub(super) async fn bind_again(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let until = Instant::now() + RETURN;
    loop {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < until => {
                sleep(Duration::from_millis(100)).await;
            }
            Err(_) => return bind(flag, address),
        }
    }
}
