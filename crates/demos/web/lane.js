// A lane: one subscription, and the account of what came of it.

import { delay, local_ms } from "./server_clock.js";
import { subscribe } from "./transport/mod.js";

/** How many of the last messages a lane remembers. */
const KEPT = 2000;

/**
 * Subscribes and keeps count. `on(event, lane)` is called after each event was entered.
 *
 * Nothing is taken on trust: messages are numbered without holes, so a hole that the server did not
 * signal is a message that was lost silently.
 */
export function lane(transport, feed, options, on = () => {}) {
  const account = {
    transport,
    /** `starting`, `connected`, `away` or `stopped`. */
    state: "starting",
    /** Since when (performance.now()). */
    since: performance.now(),
    /** Why it is away: the last `closed` event. */
    closed: undefined,
    counts: empty(),
    /** The last messages, oldest first: { seq, at, published_at, delay_ms, late, recovered }. */
    messages: [],
    stop() {
      subscription.stop();
      enter("stopped");
    },
    /** Starts counting from zero. */
    reset() {
      account.counts = empty();
    },
    publish: (payload) => subscription.publish(payload),
  };

  let epoch;
  // The number that the next message must have; unknown before the first and after a reset.
  let expected;
  // When the lane was last lost, and when it came back (performance.now()).
  let lost_at;
  let returned_at;

  function empty() {
    return { received: 0, recovered: 0, lost: 0, lost_silently: 0, repeated: 0, resets: 0, polls: 0, away: 0 };
  }

  function enter(state) {
    if (account.state === state) return;
    account.state = state;
    account.since = performance.now();
  }

  function receive({ message, cursor, at }) {
    const { counts } = account;
    const now = cursor.slice(0, cursor.lastIndexOf("-"));
    if (now !== epoch) {
      epoch = now;
      expected = undefined;
    }
    if (expected !== undefined && message.seq < expected) {
      counts.repeated += 1;
      return;
    }
    if (expected !== undefined) counts.lost_silently += message.seq - expected;
    expected = message.seq + 1;
    counts.received += 1;
    const published_at = local_ms(message.published_ns);
    // Without the cut it would have been here before; those of before the cut were on their way, or
    // waited for a poll.
    const late = published_at < returned_at;
    const recovered = late && published_at >= lost_at;
    if (recovered) counts.recovered += 1;
    account.messages.push({
      seq: message.seq,
      at,
      published_at,
      delay_ms: delay(message, at),
      late,
      recovered,
    });
    if (account.messages.length > KEPT) account.messages.splice(0, KEPT / 2);
  }

  const handle = {
    connected() {
      if (account.state === "away") returned_at = performance.now();
      enter("connected");
    },
    closed(event) {
      if (account.state !== "away") {
        account.counts.away += 1;
        lost_at = performance.now();
      }
      account.closed = event;
      enter("away");
    },
    request() {
      account.counts.polls += 1;
    },
    empty() {},
    gap({ gap, cursor }) {
      if (gap.reset) {
        account.counts.resets += 1;
        expected = undefined;
        epoch = cursor.slice(0, cursor.lastIndexOf("-"));
      } else {
        account.counts.lost += gap.missed;
        if (expected !== undefined) expected += gap.missed;
      }
    },
    received: receive,
  };

  const subscription = subscribe(transport, feed, options, (event) => {
    handle[event.kind](event);
    on(event, account);
  });
  return account;
}
