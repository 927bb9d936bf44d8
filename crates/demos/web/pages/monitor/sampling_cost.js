// What the server says about the cost of its samplers, asked once a second.

import { get } from "../../server/api.js";

const PERIOD_MS = 1000;

export class SamplingCost {
  #window_ms;
  /** The answers of the server within the window, oldest first. */
  #answers = [];

  constructor(window_ms) {
    this.#window_ms = window_ms;
  }

  async start() {
    try {
      this.#add(await get("/demo/monitor/cost"));
    } catch {
      this.#answers = [];
    }
    setTimeout(() => this.start(), PERIOD_MS);
  }

  /** Forgets all answers but the last, from which the next ones are counted. */
  reset() {
    this.#answers = this.#answers.slice(-1);
  }

  /**
   * Returns the samples per second, the time spent on them per second, the time of one sample, and
   * the number of naive connections. What is unknown is undefined.
   */
  observed() {
    const [first, last] = [this.#answers[0], this.#answers.at(-1)];
    const known = first !== last;
    const seconds = known ? (last.at_ns - first.at_ns) / 1e9 : undefined;
    const sampling_ms = known ? (last.sampling_us - first.sampling_us) / 1000 : undefined;
    return {
      samples: known ? (last.samples - first.samples) / seconds : undefined,
      sampling_ms: known ? sampling_ms / seconds : undefined,
      // The mean of all samples that this server has ever taken.
      each_ms: last?.samples > 0 ? last.sampling_us / 1000 / last.samples : undefined,
      naive: last?.naive_connections,
    };
  }

  #add(answer) {
    // A restarted server counts from zero, and is not compared with what was before.
    if (answer.samples < this.#answers.at(-1)?.samples) this.#answers = [];
    this.#answers.push(answer);
    const oldest = answer.at_ns - this.#window_ms * 1e6;
    while (this.#answers.length > 2 && this.#answers[1].at_ns < oldest) this.#answers.shift();
  }
}
