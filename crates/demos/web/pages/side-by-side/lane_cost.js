// What the server counted of one lane: in all, and within the last seconds.

import { eachCount } from "../../server/lane_counts.js";

export class LaneCost {
  #window_ms;
  #latest;
  #zero = eachCount(() => 0);
  /** The counts once a second: { at, received, counts }. */
  #samples = [];

  /** `window_ms` is how far `since` can look back. */
  constructor(window_ms) {
    this.#window_ms = window_ms;
  }

  /** Notes the present counts, and how many messages were received. */
  update(counts, received) {
    if (!counts) return;
    this.#latest = counts;
    const at = performance.now();
    this.#samples.push({ at, received, counts });
    while (this.#samples[1]?.at < at - this.#window_ms) this.#samples.shift();
  }

  /**
   * Returns the counts since the last reset, or `undefined` if the server has not seen the lane.
   */
  total() {
    return this.#latest && eachCount((name) => this.#latest[name] - this.#zero[name]);
  }

  /** Returns what was added since `from`, and how many messages were received in that time. */
  since(from) {
    const first = this.#samples.find(({ at }) => at >= from);
    const last = this.#samples.at(-1);
    if (!first || first === last) return undefined;
    const added = eachCount((name) => last.counts[name] - first.counts[name]);
    return { ...added, received: last.received - first.received };
  }

  reset() {
    this.#zero = this.#latest ?? this.#zero;
    this.#samples = [];
  }
}
