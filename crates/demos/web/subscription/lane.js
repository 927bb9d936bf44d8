// A lane: one subscription, and what was received and lost in it.

import { deliveryDelay, localTime } from "../server/clock.js";
import { subscribe } from "../transport/mod.js";

/** The number of messages that a lane remembers. */
const MAX_MESSAGES = 2000;

const zeroCounts = () => ({ received: 0, recovered: 0, lost: 0, lost_silently: 0, resets: 0 });

const epochOf = (cursor) => cursor.slice(0, cursor.lastIndexOf("-"));

/**
 * Subscribes, counts, and checks the numbers of the messages. Messages are numbered without holes,
 * so a hole that no gap announced is a message that was lost silently.
 */
export class Lane {
  /** `starting`, `connected`, `away` or `stopped`. */
  state = "starting";
  /** When the state began (performance.now()). */
  since = performance.now();
  /** The last `closed` event: why the lane is away. */
  closed = undefined;
  counts = zeroCounts();
  /** The last messages, oldest first: { seq, at, published_at, delay_ms, late, recovered }. */
  messages = [];

  #subscription;
  #epoch;
  /**
   * The number that the next message must have. Unknown before the first message and after a reset.
   */
  #expected;
  /** When the lane was last lost, and when it came back (performance.now()). */
  #lost_at;
  #returned_at;

  /** `onEvent(event, lane)` is called after each event of the subscription. */
  constructor(transport, feed, options, onEvent = () => {}) {
    this.#subscription = subscribe(transport, feed, options, (event) => {
      this.#handle(event);
      onEvent(event, this);
    });
  }

  stop() {
    this.#subscription.stop();
    this.#enter("stopped");
  }

  publish(payload) {
    return this.#subscription.publish(payload);
  }

  /** Starts counting from zero. */
  resetCounts() {
    this.counts = zeroCounts();
  }

  #handle(event) {
    switch (event.kind) {
      case "connected":
        if (this.state === "away") this.#returned_at = performance.now();
        this.#enter("connected");
        break;
      case "closed":
        if (this.state !== "away") this.#lost_at = performance.now();
        this.closed = event;
        this.#enter("away");
        break;
      case "gap":
        this.#noteGap(event);
        break;
      case "received":
        this.#receive(event);
        break;
      // `request` and `empty` change nothing here.
    }
  }

  #enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.since = performance.now();
  }

  #noteGap({ gap, cursor }) {
    if (gap.reset) {
      this.counts.resets += 1;
      this.#expected = undefined;
      this.#epoch = epochOf(cursor);
    } else {
      this.counts.lost += gap.missed;
      if (this.#expected !== undefined) this.#expected += gap.missed;
    }
  }

  #receive({ message, cursor, at }) {
    const epoch = epochOf(cursor);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#expected = undefined;
    }
    // A message that was received before counts once.
    if (message.seq < this.#expected) return;
    if (this.#expected !== undefined) this.counts.lost_silently += message.seq - this.#expected;
    this.#expected = message.seq + 1;
    this.counts.received += 1;
    this.#remember(message, at);
  }

  #remember(message, at) {
    const published_at = localTime(message.published_ns);
    // Late: without the cut, the message would have arrived earlier. Recovered: it was published
    // while the lane was away, and was not already on its way or waiting for a poll.
    const late = published_at < this.#returned_at;
    const recovered = late && published_at >= this.#lost_at;
    if (recovered) this.counts.recovered += 1;
    const delay_ms = deliveryDelay(message, at);
    this.messages.push({ seq: message.seq, at, published_at, delay_ms, late, recovered });
    if (this.messages.length > MAX_MESSAGES) this.messages.splice(0, MAX_MESSAGES / 2);
  }
}
