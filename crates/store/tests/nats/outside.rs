//! What somebody else does to a NATS server, over a client of its own.

use async_nats::jetstream;
use async_nats::jetstream::stream::Config;

use crate::nats_server::NatsServer;

async fn context(server: &NatsServer) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

pub(crate) async fn delete_stream(server: &NatsServer, name: &str) {
    context(server).await.delete_stream(name).await.unwrap();
}

pub(crate) async fn create_stream(server: &NatsServer, name: &str, subject: &str) {
    let (name, subjects) = (name.to_owned(), vec![subject.to_owned()]);
    let config = Config { name, subjects, ..Config::default() };
    context(server).await.create_stream(config).await.unwrap();
}

pub(crate) async fn publish(server: &NatsServer, subject: &str, payload: &str) {
    let context = context(server).await;
    let sent = context.publish(subject.to_owned(), payload.to_owned().into()).await;
    sent.unwrap().await.unwrap();
}
