// How fast a count grows.

/** The time over which a rate is a mean: a few polls of a half second each. */
const WINDOW_MS = 4000;

export class Rate {
  /** The counts of the window, oldest first: { at, count }. */
  #samples = [];

  /** Notes what the count is at a time in ms. A lower count than the last one starts anew. */
  add(at, count) {
    if (count < this.#samples.at(-1)?.count) this.interrupt();
    this.#samples.push({ at, count });
    while (this.#samples[1]?.at <= at - WINDOW_MS) this.#samples.shift();
  }

  /** Forgets all counts: nothing is known of the time until the next one. */
  interrupt() {
    this.#samples = [];
  }

  /** Returns by how much the count grows per second, or `undefined` with fewer than two counts. */
  perSecond() {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === last) return undefined;
    return ((last.count - first.count) / (last.at - first.at)) * 1000;
  }
}
