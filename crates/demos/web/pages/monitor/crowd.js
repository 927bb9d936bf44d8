// The connections that this page adds, over the shared feed or in the naive way.

import { laneTag } from "../../server/tab.js";
import { subscribe } from "../../transport/mod.js";
import { sampleAge } from "./age.js";
import { subscribeNaively } from "./naive.js";

export class ConnectionCrowd {
  /** The wanted number of connections. */
  size = 10;

  #way;
  #members = new Set();
  #ages = [];

  /** `way()` returns how new connections subscribe: `shared` or `naive`. */
  constructor(way) {
    this.#way = way;
  }

  /** The number of connections that are established. */
  get connected() {
    return [...this.#members].filter((member) => member.connected).length;
  }

  /** Opens and closes connections until there are this many. */
  resize(size) {
    this.size = size;
    while (this.#members.size > size) {
      const [member] = this.#members;
      member.subscription.stop();
      this.#members.delete(member);
    }
    while (this.#members.size < size) this.#members.add(this.#join());
  }

  /** Closes all connections and opens as many in the chosen way. */
  replaceAll() {
    for (const { subscription } of this.#members) subscription.stop();
    this.#members.clear();
    this.resize(this.size);
  }

  /** Returns the ages of the samples that arrived in the last `window_ms`. */
  agesWithin(window_ms) {
    const oldest = performance.now() - window_ms;
    this.#ages = this.#ages.filter(({ at }) => at > oldest);
    return this.#ages.map(({ age_ms }) => age_ms);
  }

  forgetAges() {
    this.#ages = [];
  }

  #join() {
    const member = { connected: false, subscription: undefined };
    const onEvent = ({ kind, message, at }) => {
      if (kind === "connected") member.connected = true;
      if (kind === "closed") member.connected = false;
      if (kind === "received") this.#ages.push({ at, age_ms: sampleAge(message, at) });
    };
    const options = { lane: laneTag("monitor-crowd") };
    member.subscription =
      this.#way() === "naive"
        ? subscribeNaively(onEvent)
        : subscribe("websocket", "monitor", options, onEvent);
    return member;
  }
}
