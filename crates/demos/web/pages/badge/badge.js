// One of the two badges: its lane, what was observed of it, and what it shows.

import { bytes, count, duration, fill, percent, seconds } from "../../format.js";
import { common, deliveryOf, words } from "../../page_data.js";
import { localTime } from "../../server/clock.js";
import { delayText } from "../../server/delay_text.js";
import { linkDelay } from "../../server/status.js";
import { laneTag } from "../../server/tab.js";
import { FEWEST_FOR_A_MEAN, summary } from "../../statistics.js";
import { Lane } from "../../subscription/lane.js";
import { showLaneState } from "../../subscription/state_text.js";

/** The mean time between two changes, as the server chooses it. */
const MEAN_PAUSE_MS = 1500;

const zero = () => ({ requests: 0, empty: 0, ages: [] });

export class Badge {
  /** What the badge shows: { unread, published_ns }. */
  shown = undefined;

  #polls;
  #name;
  #root;
  #interval;
  #onChange;
  #observed = zero();
  #bytes;
  #bytes_before = 0;
  // Changes that were published earlier are shown and not counted: no badge was waiting for them.
  #started_at = performance.now();

  /**
   * @param {string} way `polled` or `pushed`: the badge on the page
   * @param {string} transport
   * @param {() => number} interval the poll interval in ms
   * @param {() => void} onChange called when the badge shows another number
   */
  constructor(way, transport, interval, onChange) {
    this.#polls = deliveryOf(transport) === "polled";
    this.#name = `badge-${way}`;
    this.#root = document.querySelector(`[data-badge="${way}"]`);
    this.#interval = interval;
    this.#onChange = onChange;
    const options = { after: "start", lane: laneTag(this.#name), interval };
    const lane = new Lane(transport, "inbox", options, (event, lane) => this.#handle(event, lane));
    showLaneState(this.#root.querySelector(".state"), () => lane);
  }

  /** Starts counting from zero. */
  reset() {
    this.#observed = zero();
    this.#bytes_before = this.#bytes ?? 0;
  }

  /** What was observed since the last reset: { requests, empty, mean_ms }. */
  observed() {
    const { requests, empty, ages } = this.#observed;
    return { requests, empty, mean_ms: summary(ages).mean };
  }

  updateBytes(countsOf) {
    const counts = countsOf(this.#name);
    if (counts) this.#bytes = counts.bytes_in + counts.bytes_out;
  }

  /** Shows the badge. `newest` is the newest change that any badge knows. */
  show(newest) {
    this.#showNumber(newest);
    this.#showCounts();
    this.#showTheory();
  }

  #handle(event, lane) {
    const observed = this.#observed;
    if (event.kind === "request") observed.requests += 1;
    if (event.kind === "connected" && !this.#polls) observed.requests += 1;
    if (event.kind === "empty") observed.empty += 1;
    if (event.kind !== "received") return;
    const { payload, published_ns } = event.message;
    this.shown = { unread: payload.unread, published_ns };
    // A change that arrives after an outage is late for another reason.
    const { published_at, recovered } = lane.messages.at(-1);
    if (published_at > this.#started_at && !recovered) observed.ages.push(event.at - published_at);
    this.#onChange();
  }

  #showNumber(newest) {
    const { shown } = this;
    this.#part("unread").textContent = shown ? count(shown.unread) : common.absent;
    this.#part("unread-words").textContent = shown ? fill(words.unread, { n: shown.unread }) : "";
    this.#part("count").toggleAttribute("data-none", shown?.unread === 0);
    const stale = shown !== undefined && newest.published_ns > shown.published_ns;
    const fresh = this.#part("fresh");
    fresh.toggleAttribute("data-stale", stale);
    fresh.textContent = stale ? outOfDate(newest) : shown ? words.fresh : "";
  }

  #showCounts() {
    const { requests, empty, ages } = this.#observed;
    this.#counter("requests").textContent = String(requests);
    this.#counter("empty").textContent = String(empty);
    this.#counter("received").textContent = String(ages.length);
    const known = this.#bytes !== undefined;
    this.#part("bytes").textContent = bytes(known ? this.#bytes - this.#bytes_before : undefined);
  }

  #showTheory() {
    const interval_ms = this.#interval();
    const { requests, empty, ages } = this.#observed;
    const { n, mean, least, most } = summary(ages);
    const link_ms = linkDelay();
    const range = { least: duration(link_ms), most: duration(link_ms + interval_ms) };
    const observed_range = { n: count(n), least: delayText(least), most: delayText(most) };
    const tooFew = mean === undefined;
    // The request of a stream is not a sample, and a few polls are not enough.
    const enough = this.#polls && requests >= FEWEST_FOR_A_MEAN;
    const texts = {
      "mean-predicted": duration(link_ms + (this.#polls ? interval_ms / 2 : 0)),
      "mean-observed": delayText(mean),
      "spread-predicted": this.#polls ? fill(words.range, range) : duration(link_ms),
      "spread-observed": fill(tooFew ? words.too_few : words.range_of, observed_range),
      last: delayText(ages.at(-1)),
      "empty-predicted": percent(this.#polls ? Math.exp(-interval_ms / MEAN_PAUSE_MS) : 0),
      "empty-observed": percent(enough ? empty / requests : undefined),
    };
    for (const [part, text] of Object.entries(texts)) this.#part(part).textContent = text;
  }

  #part(key) {
    return this.#root.querySelector(`[data-part="${key}"]`);
  }

  #counter(key) {
    return this.#root.querySelector(`[data-count="${key}"]`);
  }
}

function outOfDate({ published_ns, unread }) {
  const since = Math.max(0, performance.now() - localTime(published_ns));
  return fill(words.stale, { duration: seconds(since / 1000, 1), n: count(unread) });
}
