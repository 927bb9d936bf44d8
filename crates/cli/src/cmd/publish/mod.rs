//! `wirebench publish`: publishes lines, for trying out feeds.

mod input;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueHint};
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};
use tokio_stream::StreamExt;
use wirebench_loadgen::{
    Dialer, FeedPublisher, HttpClient, PublishAnswer, SubscribeError, Target, error_chain,
};
use wirebench_protocol::IdempotencyKey;
use wirebench_scenario::{HttpSettings, LinkSettings};

use self::input::{Input, InputLine};
use crate::client_arguments::{HeaderArguments, TrustArguments, duration};
use crate::exit::Exit;
use crate::print;
use crate::signals::stop_signals;

/// The bounds of the pause before a message is published again, as of subscriptions.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Publish each line of a file or of standard input
///
/// Publishes the lines in their order, each when the one before is acknowledged. Prints a JSON line
/// for each acknowledgement, with the number of the line and the cursor of the message. If the
/// server is away, the message is published again, with an idempotency key, so that it is never in
/// the feed twice.
#[derive(Args, Debug)]
pub(crate) struct PublishArguments {
    /// URL of the server, for its feed `bench`, or of a feed
    /// (`http://127.0.0.1:8080/feeds/quotes`)
    #[arg(value_hint = ValueHint::Url)]
    url: String,
    /// The file to publish, with one JSON value per line. Without a file, or with `-`, standard
    /// input is read
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Publish each line as a text: a JSON string
    #[arg(long)]
    text: bool,
    /// Publish at most this many messages per second [default: no limit]
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// How long to go on trying to publish a message if the server is away or too busy
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    retry_for: Duration,
    /// The beginning of the idempotency keys. Lines that were published with it before are not
    /// published again [default: drawn at random]
    #[arg(long, value_name = "TEXT", value_parser = key_prefix)]
    key: Option<String>,
    #[command(flatten)]
    headers: HeaderArguments,
    #[command(flatten)]
    trust: TrustArguments,
}

pub(crate) fn run(arguments: &PublishArguments) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    let ended = runtime.block_on(until_stopped(arguments));
    // This does not wait for standard input, from which reading may block a thread for ever.
    runtime.shutdown_background();
    ended
}

async fn until_stopped(arguments: &PublishArguments) -> anyhow::Result<Exit> {
    let mut signals = stop_signals()?;
    let target = Target::resolve_trusting(&arguments.url, &arguments.trust.trusted()).await?;
    let dialer = Dialer::new(LinkSettings::default(), 0);
    let headers = arguments.headers.map();
    let client = HttpClient::with_headers(dialer, HttpSettings::default(), headers);
    let mut publication = Publication {
        publisher: FeedPublisher::new(&client, &target),
        input: Input::open(arguments.file.as_deref(), arguments.text)?,
        key_prefix: arguments
            .key
            .clone()
            .unwrap_or_else(|| format!("{:016x}", rand::random::<u64>())),
        retry_for: arguments.retry_for,
        published: 0,
        repeated: 0,
        unacknowledged: None,
    };
    let started = Instant::now();
    let ended = tokio::select! {
        ended = publication.publish_all(arguments.rate) => ended.map(|()| Exit::Done),
        _ = signals.next() => Ok(Exit::Interrupted),
    };
    publication.sum_up(&target.feed, started.elapsed(), arguments.rate);
    if !matches!(ended, Ok(Exit::Done)) {
        publication.say_how_to_go_on();
    }
    ended
}

/// What is published, and how far it has come.
struct Publication<'a> {
    publisher: FeedPublisher<'a>,
    input: Input,
    key_prefix: String,
    retry_for: Duration,
    /// How many messages were acknowledged.
    published: u64,
    /// How many of them were in the feed already.
    repeated: u64,
    /// The line that was sent and not acknowledged, if there is one.
    unacknowledged: Option<u64>,
}

impl Publication<'_> {
    async fn publish_all(&mut self, rate: Option<f64>) -> anyhow::Result<()> {
        let mut ticks = rate.map(ticks);
        while let Some(line) = self.input.next().await? {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            self.unacknowledged = Some(line.number);
            let PublishAnswer { cursor, repeated } = self.publish(&line).await?;
            self.unacknowledged = None;
            self.published += 1;
            self.repeated += u64::from(repeated);
            let mut acknowledgement = json!({ "line": line.number, "cursor": cursor });
            if repeated {
                acknowledgement["repeated"] = true.into();
            }
            print::data(&format!("{acknowledgement}\n"))?;
        }
        Ok(())
    }

    /// Publishes a line, again and again until it is acknowledged or refused for good, or the time
    /// is up.
    async fn publish(&mut self, line: &InputLine) -> anyhow::Result<PublishAnswer> {
        let key: IdempotencyKey = format!("{}-{}", self.key_prefix, line.number).parse()?;
        let place = self.input.place(line.number);
        let started = Instant::now();
        let mut bound = PAUSES.0;
        loop {
            let error = match self.publisher.publish(line.json.clone(), &key).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if is_final(&error) {
                let what = format!("{place} was not published");
                return Err(anyhow::Error::from(error).context(what));
            }
            let pause = error.retry_after().unwrap_or_else(|| bound.mul_f64(rand::random()));
            bound = PAUSES.1.min(2 * bound);
            if started.elapsed() + pause > self.retry_for {
                let seconds = self.retry_for.as_secs_f64();
                let what = format!("{place} was not acknowledged within {seconds} s");
                return Err(anyhow::Error::from(error).context(what));
            }
            print::talk(&format!(
                "{place}: {}; publishing it again in {} ms",
                error_chain(&error),
                pause.as_millis()
            ));
            sleep(pause).await;
        }
    }

    fn sum_up(&self, feed: &str, time: Duration, asked: Option<f64>) {
        let Self { published, repeated, .. } = self;
        let seconds = time.as_secs_f64();
        let messages = if *published == 1 { "message" } else { "messages" };
        let before = match repeated {
            0 => String::new(),
            repeated => format!("; {repeated} of them had been published before"),
        };
        print::talk(&format!(
            "published {published} {messages} to `{feed}` in {seconds:.1} s{before}"
        ));
        // Not for the first message, which is published at once, nor for a few of them.
        let further = u32::try_from(published.saturating_sub(1)).unwrap_or(u32::MAX);
        let reached = f64::from(further) / seconds;
        if let Some(asked) = asked.filter(|asked| reached < 0.9 * asked && seconds > 2.0) {
            print::talk(&format!(
                "that is {reached:.1} per second, below `--rate {asked}`: the input, or the \
                 acknowledgements that each message waits for, took longer"
            ));
        }
    }

    fn say_how_to_go_on(&self) {
        if let Some(line) = self.unacknowledged {
            let place = self.input.place(line);
            print::talk(&format!("{place} was not acknowledged"));
        }
        if self.input.is_file() {
            print::talk(&format!(
                "to go on, publish the file again with `--key {}`: what is in the feed is not \
                 published again",
                self.key_prefix
            ));
        }
    }
}

/// Returns true if publishing again cannot help: the server refuses the message, is none of
/// wirebench's, or is not trusted.
fn is_final(error: &SubscribeError) -> bool {
    match error {
        SubscribeError::Connect { source, .. } => source.kind() == std::io::ErrorKind::InvalidData,
        SubscribeError::Protocol { .. } => true,
        error => error.is_permanent(),
    }
}

/// Returns ticks at a rate. After a pause, the missed ones are not made up for.
fn ticks(per_second: f64) -> Interval {
    let mut ticks = interval(Duration::from_secs_f64(1.0 / per_second));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected messages per second from 0.001 to 1000000, such as `10`".to_owned()),
    }
}

/// Checks that the key of every line is valid.
fn key_prefix(text: &str) -> Result<String, String> {
    let longest: Result<IdempotencyKey, _> = format!("{text}-{}", u64::MAX).parse();
    match longest {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err("expected 1 to 107 visible ASCII characters without quotation marks and \
                  backslashes"
            .to_owned()),
    }
}
