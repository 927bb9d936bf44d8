// What the server counted in the lanes of this tab: requests, connections and bytes on the wire.

import { get } from "./api.js";
import { tab } from "./tab.js";

const PERIOD_MS = 1000;

/** The counts of a lane that the pages use. */
const NAMES = ["requests", "empty", "connections", "bytes_in", "bytes_out", "queries"];

/** Computes an object with all counts of a lane. */
export const eachCount = (compute) =>
  Object.fromEntries(NAMES.map((name) => [name, compute(name)]));

/** The counts of one lane. A restarted server counts from zero, so the counts before are added. */
class LaneTotal {
  #before = eachCount(() => 0);
  #current = eachCount(() => 0);

  update(counts) {
    this.#current = eachCount((name) => counts[name]);
  }

  restart() {
    this.#before = this.counts;
    this.#current = eachCount(() => 0);
  }

  get counts() {
    return eachCount((name) => this.#before[name] + this.#current[name]);
  }
}

/**
 * Asks once a second, and calls back with a function that returns the counts of a lane by its name,
 * and with when the server was asked (performance.now()). The function returns `undefined` until
 * the server has seen the lane.
 */
export function watchLaneCounts(listener) {
  const totals = new Map();
  let counted_life;
  let life;

  async function update() {
    // After a failure the server may have been restarted.
    life ??= (await get("/demo/state")).life;
    if (counted_life && life !== counted_life) {
      for (const total of totals.values()) total.restart();
    }
    counted_life = life;
    const asked_at = performance.now();
    const { lanes } = await get(`/demo/lanes/${tab}`);
    for (const [name, counts] of Object.entries(lanes)) {
      if (!totals.has(name)) totals.set(name, new LaneTotal());
      totals.get(name).update(counts);
    }
    listener((name) => totals.get(name)?.counts, asked_at);
  }

  async function repeat() {
    try {
      await update();
    } catch {
      // The server is away, which the notice at the top of the page says. The counts stay as they
      // are.
      life = undefined;
    }
    setTimeout(repeat, PERIOD_MS);
  }
  repeat();
}
