//! A page with a live number: an application with its own routes, and the feed server nested below
//! `/live`. Run it with `cargo run -p wirebench-server --example embed`, and open the address that
//! it prints.

use std::io;
use std::time::Duration;

use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;
use wirebench_server::{Feed, JsonPayload, Rejected, Server};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it prints the address to open")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8081").await?;
    println!("http://{}/", listener.local_addr()?);
    serve(listener, &App::new(), Duration::from_secs(1), async {
        _ = tokio::signal::ctrl_c().await;
    })
    .await
}

/// The state of the application: the latest reading, the feed of all readings, and the feed server.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) latest: watch::Sender<f64>,
    pub(crate) readings: Feed,
    pub(crate) live: Server,
}

impl App {
    pub(crate) fn new() -> Self {
        let readings = Feed::new(100).with_window_bytes(1 << 20).with_check(|_| {
            Err(Rejected::forbidden("only the thermometer publishes here", "subscribe"))
        });
        let live = Server::new([("readings".to_owned(), readings.clone())]);
        Self { latest: watch::Sender::new(20.0), readings, live }
    }

    /// Returns the routes of the application, and below a prefix those of the feed server, which
    /// has its own state.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/", get(async || Html(include_str!("embed.html"))))
            .route("/latest", get(latest))
            .with_state(self.clone())
            .nest("/live", self.live.router())
    }

    /// Publishes a reading. The feed does not check what its owner publishes.
    fn publish_reading(&self) {
        self.latest.send_modify(|celsius| *celsius = 0.9 * *celsius + 2.1);
        let reading = format!("{{\"celsius\":{}}}", *self.latest.borrow());
        self.readings.publish(JsonPayload::from_json(reading.as_bytes()).expect("it is JSON"));
    }
}

/// Serves the application until `shutdown` completes, and publishes a reading in each `period`.
pub(crate) async fn serve(
    listener: TcpListener,
    app: &App,
    period: Duration,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let live = app.live.clone();
    let serving = axum::serve(listener, app.router()).with_graceful_shutdown(async move {
        shutdown.await;
        // Subscriptions do not end by themselves, and axum would wait for them.
        live.stop().await;
    });
    tokio::select! {
        served = serving => served,
        () = thermometer(app, period) => Ok(()),
    }
}

async fn thermometer(app: &App, period: Duration) {
    let mut interval = tokio::time::interval(period);
    loop {
        interval.tick().await;
        app.publish_reading();
    }
}

async fn latest(State(app): State<App>) -> Json<f64> {
    Json(*app.latest.borrow())
}
