//! The monitor as one would first write it: each connection with a sampler of its own, and with a timer of
//! its own that sends what was last sampled. Here to be compared with, at `/demo/monitor/naive`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use tokio::sync::watch;
use wirebench_protocol::Transport;
use wirebench_server::{Feed, Server};

use crate::answer::Refusal;
use crate::monitor::{Cost, PERIOD, Sample, Sampler};
use crate::network::Connection;
use crate::{Demos, feeds};

/// Connections at a time that are served like this.
const CONNECTIONS: u64 = 256;

pub(crate) fn router(server: &Server) -> Router<Demos> {
    let server = server.clone();
    let answer = async move |State(demos): State<Demos>, request: Request| {
        answer(&demos, &server, request).await
    };
    Router::new().route("/demo/monitor/naive", get(answer))
}

async fn answer(demos: &Demos, server: &Server, request: Request) -> Result<Response, Refusal> {
    let connection = request.extensions().get::<Arc<Connection>>().cloned().ok_or_else(|| {
        let error = "the connection is not one of the demos'";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error, "serve with the demos' layer")
    })?;
    let counted = Counted::new(&demos.0.monitor.cost)?;
    let sampler = Sampler::new(Arc::clone(&demos.0.monitor.cost)).map_err(|error| {
        let error = format!("cannot sample the machine: {error}");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error, "run the server on another")
    })?;
    let feed = feeds::read_only(8);
    let response = server.answer(Transport::WebSocket, &feed, request).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let (newest, seen) = watch::channel(None);
        let ended = demos.0.ended.clone();
        let sampling = sample(sampler, newest);
        let sending = send(feed.clone(), seen);
        // Two tasks that have nothing to do with each other, as two timers would.
        demos.0.tasks.spawn({
            let (connection, ended) = (Arc::clone(&connection), ended.clone());
            async move {
                tokio::select! {
                    () = sampling => {}
                    () = connection.gone() => {}
                    () = ended.cancelled() => {}
                }
            }
        });
        demos.0.tasks.spawn(async move {
            let _counted = counted;
            tokio::select! {
                () = sending => {}
                () = connection.gone() => {}
                () = ended.cancelled() => {}
            }
            feed.close();
        });
    }
    Ok(response)
}

async fn sample(mut sampler: Sampler, newest: watch::Sender<Option<Sample>>) {
    loop {
        tokio::time::sleep(about_a_period()).await;
        newest.send_replace(Some(sampler.sample()));
    }
}

async fn send(feed: Feed, newest: watch::Receiver<Option<Sample>>) {
    tokio::time::sleep(PERIOD.mul_f64(rand::random())).await;
    loop {
        tokio::time::sleep(about_a_period()).await;
        if let Some(sample) = &*newest.borrow() {
            feeds::publish(&feed, sample);
        }
    }
}

/// Up to 5 % early or late. Two timers that keep time exactly would keep the distance that they began with,
/// and one connection would show that instead of what comes of it on average.
fn about_a_period() -> Duration {
    PERIOD.mul_f64(rand::random_range(0.95..=1.05))
}

/// One of the connections that are served like this.
struct Counted(Arc<Cost>);

impl Counted {
    fn new(cost: &Arc<Cost>) -> Result<Self, Refusal> {
        let another = |now| (now < CONNECTIONS).then_some(now + 1);
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        cost.naive_connections.fetch_update(acquire, relaxed, another).map_err(|now| {
            let error = format!("{now} connections have a sampler of their own, which is enough");
            Refusal::full(error, "close some, or subscribe to the feed `monitor`", 10)
        })?;
        Ok(Self(Arc::clone(cost)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.naive_connections.fetch_sub(1, Ordering::Release);
    }
}
