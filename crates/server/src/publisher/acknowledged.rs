//! The task that publishes messages again until they are acknowledged.

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wirebench_protocol::{IdempotencyKey, Timestamp};

use super::counts::Counts;
use crate::feed::{Feed, MessagePayload};

/// The maximum number of messages that wait: as many as the writer of a feed takes at once.
pub(super) const QUEUE_MESSAGES: usize = 1024;

/// The pause before messages that were not acknowledged are published again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// How long messages are published again after the publisher was told to stop.
const GIVE_UP_AFTER: Duration = Duration::from_secs(15);

/// A message whose time has come.
#[derive(Debug)]
pub(super) struct DueMessage {
    pub(super) payload: MessagePayload,
    pub(super) due: Timestamp,
}

/// Publishes the messages of the queue, in their order, until it is closed and each message is
/// acknowledged. Each has a key of its own, so that one whose acknowledgement was lost is not
/// published twice.
pub(super) async fn publish_until_acknowledged(
    feed: Feed,
    mut queue: mpsc::Receiver<DueMessage>,
    counts: Counts,
) {
    let (run, mut number) = (rand::random::<u64>(), 0_u64);
    let mut waiting = VecDeque::new();
    let mut taken = Vec::new();
    let mut give_up: Option<Instant> = None;
    let mut at_once = QUEUE_MESSAGES;
    loop {
        // With everything acknowledged there is time to wait for the next message.
        if waiting.is_empty() || !queue.is_empty() {
            let room = QUEUE_MESSAGES - waiting.len();
            if room > 0 && queue.recv_many(&mut taken, room).await == 0 {
                return;
            }
        }
        waiting.extend(taken.drain(..).map(|message| {
            number += 1;
            let key = format!("{run:x}-{number}").parse().expect("digits and a hyphen are a key");
            (message, key)
        }));
        if publish_once(&feed, &mut waiting, at_once, &counts).await {
            at_once = QUEUE_MESSAGES;
            continue;
        }
        // The oldest alone finds out when the store takes messages again.
        at_once = 1;
        if queue.is_closed() {
            let deadline = *give_up.get_or_insert_with(|| Instant::now() + GIVE_UP_AFTER);
            if Instant::now() > deadline {
                let left = waiting.len() + queue.len();
                tracing::warn!("{left} messages were given up: their store did not take them");
                return;
            }
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

/// Publishes the oldest messages that wait, and keeps those that are not acknowledged. Returns true if
/// all of them are.
async fn publish_once(
    feed: &Feed,
    waiting: &mut VecDeque<(DueMessage, IdempotencyKey)>,
    at_once: usize,
    counts: &Counts,
) -> bool {
    let entered = Timestamp::now();
    let answers = waiting.iter().take(at_once).map(|(DueMessage { payload, due }, key)| {
        feed.publish_due_once(payload, *due, key.clone())
    });
    let answers = join_all(answers).await;
    let all_acknowledged = answers.iter().all(Result::is_ok);
    let mut answers = answers.into_iter();
    waiting.retain(|(message, _)| {
        let acknowledged = answers.next().is_some_and(|answer| answer.is_ok());
        if acknowledged {
            counts.add(message.due, entered);
        }
        !acknowledged
    });
    all_acknowledged
}
