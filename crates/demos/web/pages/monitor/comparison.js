// The table that compares the shared sampler with the naive way: predicted, observed, and last
// seen.

import { byId, setText } from "../../elements.js";
import { count, duration, fill } from "../../format.js";
import { common, words } from "../../page_data.js";
import { delayText } from "../../server/delay_text.js";
import { linkDelay } from "../../server/status.js";
import { mean, summary } from "../../statistics.js";
import { SamplingCost } from "./sampling_cost.js";

/** How far back the observed values look. */
const WINDOW_MS = 10_000;
/** How long the crowd must be the same before its values are kept as "last seen". */
const SETTLED_MS = 5000;
/** The period of both timers of the naive way. */
const TIMER_MS = 1000;
const REFRESH_MS = 500;

export class Comparison {
  #crowd;
  #way;
  #cost = new SamplingCost(WINDOW_MS);
  #settled_at = performance.now();
  /** The last observed values of each way, so that both can be compared. */
  #seen = {};

  constructor(crowd, way) {
    this.#crowd = crowd;
    this.#way = way;
  }

  start() {
    this.#cost.start();
    this.#show();
    setInterval(() => this.#show(), REFRESH_MS);
  }

  /** Call this when the crowd changes: values of another crowd say nothing about this one. */
  reset() {
    this.#settled_at = performance.now();
    this.#cost.reset();
    this.#crowd.forgetAges();
  }

  #show() {
    const cost = this.#cost.observed();
    const naive = this.#way() === "naive";
    const predicted = predictedTexts(cost, naive);
    const observed = observedTexts(cost, this.#crowd.agesWithin(WINDOW_MS));
    const { connected, size } = this.#crowd;
    const settled = performance.now() - this.#settled_at > SETTLED_MS && connected === size;
    if (settled) this.#seen[this.#way()] = observed;
    for (const id of Object.keys(observed)) {
      const cell = (part) => byId(id).querySelector(`[data-part="${part}"]`);
      cell("predicted").textContent = predicted[id];
      cell("observed").textContent = observed[id];
      cell("shared").textContent = this.#seen.shared?.[id] ?? common.absent;
      cell("naive").textContent = this.#seen.naive?.[id] ?? common.absent;
    }
    const standing = fill(words.crowd.standing, { n: count(connected), all: count(size) });
    setText(byId("standing"), standing);
    showOthers((cost.naive ?? 0) - (naive ? connected : 0));
  }
}

const range = (least, most) => fill(words.crowd.range, { least, most });

function predictedTexts({ naive: naive_connections, each_ms }, naive) {
  // The shared sampler goes on beside the naive ones.
  const samples = naive_connections === undefined ? undefined : naive_connections + 1;
  const link_ms = linkDelay();
  return {
    samples: count(samples),
    sampling: duration(samples && each_ms && samples * each_ms),
    // A sample that is sent at once is as old as its way to the page.
    "mean-age": duration(link_ms + (naive ? TIMER_MS / 2 : 0)),
    ages: naive ? range(duration(link_ms), duration(link_ms + TIMER_MS)) : duration(link_ms),
  };
}

function observedTexts({ samples, sampling_ms }, ages) {
  const { least, most } = summary(ages);
  return {
    samples: count(samples, 1),
    sampling: duration(sampling_ms),
    "mean-age": delayText(mean(ages)),
    ages: least === undefined ? common.absent : range(delayText(least), delayText(most)),
  };
}

function showOthers(n) {
  byId("others").hidden = n <= 0;
  byId("others").textContent = fill(words.crowd.others, { n });
}
