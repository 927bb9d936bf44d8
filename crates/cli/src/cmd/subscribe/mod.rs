//! `wirebench subscribe`: one subscriber, for trying out feeds as `curl` is for trying out pages.

mod arguments;
mod mode;
mod printer;
mod raw;

use std::error::Error;
use std::future::pending;

use anyhow::Context;
use futures::StreamExt;
use tokio::time::sleep;
use wirebench_loadgen::{
    Dialer, HttpClient, Subscriber, SubscriberEvent, SubscriberSettings, Target, run_subscriber,
};
use wirebench_scenario::{Headers, HttpSettings, LinkSettings};

pub(crate) use self::arguments::SubscribeArguments;
use self::printer::{Printer, interrupted};
use crate::exit::Exit;
use crate::print;
use crate::signals::stop_signals;

pub(crate) fn run(arguments: &SubscribeArguments) -> anyhow::Result<Exit> {
    if arguments.raw && !raw::supports(arguments.transport) {
        print::talk(&format!(
            "error: `--raw` supports transports that stream, found `{}`: its responses are plain \
             HTTP, which any HTTP client can request",
            arguments.transport
        ));
        return Ok(Exit::Usage);
    }
    if let Some(mode) = arguments.mode.filter(|mode| !mode.is_of(arguments.transport)) {
        print::talk(&format!(
            "error: `--mode {mode}` is no mode of `{}`: short polling and Socket.IO have modes",
            arguments.transport
        ));
        return Ok(Exit::Usage);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    runtime.block_on(until_stopped(arguments))
}

/// Subscribes until the subscription ends, enough has come, the time is up, or the user stops it.
async fn until_stopped(arguments: &SubscribeArguments) -> anyhow::Result<Exit> {
    let mut signals = stop_signals()?;
    let mut printer = Printer::new(arguments.transport, arguments.messages);
    let enough = printer.enough();
    let time_is_up = async {
        match arguments.duration {
            Some(duration) => sleep(duration).await,
            None => pending().await,
        }
    };
    let ended = tokio::select! {
        biased;
        () = enough.cancelled() => Ok(()),
        ended = subscribe(arguments, &mut printer) => ended,
        () = time_is_up => printer.time_is_up(),
        _ = signals.next() => Ok(()),
    };
    printer.finish()?;
    ended.map(|()| Exit::Done)
}

async fn subscribe(arguments: &SubscribeArguments, printer: &mut Printer) -> anyhow::Result<()> {
    match (arguments.raw, arguments.once) {
        (true, _) => raw::follow(arguments, printer).await,
        (false, true) => follow_once(arguments, printer).await,
        (false, false) => follow(arguments, printer).await,
    }
}

/// Runs the subscriber of the load generator. It resumes, in the same way on every transport.
async fn follow(arguments: &SubscribeArguments, printer: &mut Printer) -> anyhow::Result<()> {
    let target = Target::resolve_trusting(&arguments.url, &arguments.trust.trusted()).await?;
    let client = client(arguments);
    let subscriber = Subscriber {
        transport: arguments.transport,
        client: &client,
        target: &target,
        settings: settings(arguments),
        seed: std::process::id().into(),
        cut: None,
        outbox: None,
    };
    let observe = |event: SubscriberEvent<'_>| match event {
        SubscriberEvent::Event(event) => printer.event(event),
        // The error says so at the end.
        SubscriberEvent::Interrupted { why: Some(why), .. } if why.is_permanent() => {}
        SubscriberEvent::Interrupted { why, pause } => {
            interrupted(why.map(|why| why as &dyn Error), pause);
        }
    };
    Err(run_subscriber(&subscriber, arguments.after, observe).await.into())
}

/// Follows the feed until the connection ends.
async fn follow_once(arguments: &SubscribeArguments, printer: &mut Printer) -> anyhow::Result<()> {
    let target = Target::resolve_trusting(&arguments.url, &arguments.trust.trusted()).await?;
    let client = client(arguments);
    let settings = settings(arguments);
    let mut events = wirebench_loadgen::subscribe(
        arguments.transport,
        &client,
        &target,
        arguments.after,
        &settings,
    );
    while let Some(event) = events.next().await {
        printer.event(&event?);
    }
    Ok(())
}

/// Returns a client without an emulated link, because a real network leads to the server.
fn client(arguments: &SubscribeArguments) -> HttpClient {
    let http = HttpSettings { version: arguments.http_version, ..HttpSettings::default() };
    let dialer = Dialer::new(LinkSettings::default(), 0);
    HttpClient::with_headers(dialer, http, arguments.headers.map())
}

fn settings(arguments: &SubscribeArguments) -> SubscriberSettings {
    SubscriberSettings {
        interval: arguments.interval,
        hold: arguments.hold,
        short_polling_mode: arguments.short_polling_mode(),
        socket_io_mode: arguments.socket_io_mode(),
        headers: Headers::Browser,
        payloads: true,
        ..SubscriberSettings::default()
    }
}
