// A plain EventSource on the clock, and what it received and lost.
//
// Nothing here makes up for a missing id: each message has a number in its data, so the page can see
// the hole. The browser reads the data of no event, so it cannot ask for what is missing.

import { localTime } from "../../server/clock.js";

/** How long the page waits before it replaces an EventSource that gave up. */
const REPLACE_MS = 2000;

/** The number of seconds that are remembered. */
const MAX_SECONDS = 120;

const zero = () => ({ received: 0, recovered: 0, lost: 0 });

export class ClockStream {
  counts = zero();
  is_open = false;
  /** When the stream was lost, or opened (performance.now()). */
  since = performance.now();
  /** The number of the newest second that was received, or 0. */
  newest = 0;
  /** The last message: its text and its id. */
  last = undefined;
  /** The time without a connection since the last reset, in ms. */
  away_ms = 0;
  /** How often the stream has come back. */
  returns = 0;

  #address;
  #source;
  /** What became of each second: `got`, `recovered` or `lost`, by its number. */
  #seconds = new Map();
  #returned_at = -Infinity;
  #was_open = false;

  constructor(address) {
    this.#address = address;
    this.#open();
    // The browser keeps a page that was left, with its connections: see transport/mod.js.
    addEventListener("pagehide", () => this.#source.close());
  }

  /** Returns what became of a second, or `undefined`. */
  second(number) {
    return this.#seconds.get(number);
  }

  /** Starts counting from zero. */
  reset() {
    this.counts = zero();
    this.away_ms = 0;
  }

  #open() {
    this.#source = new EventSource(this.#address);
    this.#source.onopen = () => this.#enter(true);
    this.#source.onerror = () => {
      this.#enter(false);
      // The browser reconnects by itself unless the answer was wrong, such as that of a full server.
      const gave_up = this.#source.readyState === EventSource.CLOSED;
      if (gave_up) setTimeout(() => this.#open(), REPLACE_MS);
    };
    this.#source.onmessage = (event) => this.#receive(event);
  }

  #enter(is_open) {
    if (this.is_open === is_open) return;
    const now = performance.now();
    if (is_open && this.#was_open) {
      this.away_ms += now - this.since;
      this.returns += 1;
      this.#returned_at = now;
    }
    this.is_open = is_open;
    this.#was_open ||= is_open;
    this.since = now;
  }

  #receive({ data, lastEventId }) {
    const { seq, published_ns } = JSON.parse(data);
    this.last = { data, id: lastEventId };
    // A restarted server counts from 1 again.
    if (seq <= this.newest) this.#seconds.clear();
    else if (this.newest > 0) this.#noteHole(seq);
    this.newest = seq;
    const recovered = localTime(published_ns) < this.#returned_at;
    this.counts.received += 1;
    if (recovered) this.counts.recovered += 1;
    this.#seconds.set(seq, recovered ? "recovered" : "got");
    for (const old of this.#seconds.keys()) {
      if (this.#seconds.size <= MAX_SECONDS) break;
      this.#seconds.delete(old);
    }
  }

  #noteHole(seq) {
    this.counts.lost += seq - this.newest - 1;
    const from = Math.max(this.newest + 1, seq - MAX_SECONDS);
    for (let missing = from; missing < seq; missing += 1) this.#seconds.set(missing, "lost");
  }
}
