// One lane of the page: its chart, its numbers, and the comparison with the prediction.

import { LineChart } from "../../charts/line_chart.js";
import { settings } from "../../demo_controls.js";
import { byId, setText } from "../../elements.js";
import { bytes, count, duration, fill, percent } from "../../format.js";
import { common, words } from "../../page_data.js";
import { laneTag } from "../../server/tab.js";
import { summary } from "../../statistics.js";
import { Lane } from "../../subscription/lane.js";
import { showLaneState } from "../../subscription/state_text.js";
import { predict } from "../../theory.js";
import { LaneCost } from "./lane_cost.js";

/** How far back the chart and the observed values look. */
const WINDOW_MS = 30_000;
const LAST_MESSAGES = 5;

export class LaneView {
  #root = byId("lane").content.cloneNode(true).firstElementChild;
  #name;
  #delivery;
  #announce;
  #rows;
  /** The shade of the chart while the lane is away. */
  #away;

  /**
   * Adds a lane to the page.
   *
   * @param {{name: string, delivery: string}} transport a row of the table of transports
   * @param {{scale: (view: LaneView) => number, announce: (state: string, name: string) => void}}
   *   page `scale` returns the end of the chart's scale; `announce` is called when the lane is lost
   *   or comes back
   */
  constructor({ name: transport, delivery }, { scale, announce }) {
    this.transport = transport;
    this.cost = new LaneCost(WINDOW_MS);
    this.#delivery = delivery;
    this.#name = common.transport[transport];
    this.#announce = announce;
    this.#root.dataset.lane = this.#root.dataset.transport = transport;
    this.#root.setAttribute("aria-label", this.#name);
    setText(this.#part("name"), this.#name);
    byId("lanes").append(this.#root);
    const table = this.#root.querySelector(".lane-last tbody");
    this.#rows = Array.from({ length: LAST_MESSAGES }, () => addRow(table));
    this.chart = new LineChart(this.#root.querySelector(".chart-place"), {
      series: [{ key: "delay", name: this.#name, color: "--lane", dots: true, line: false }],
      label: fill(words.lane.chart, { name: this.#name }),
      span: WINDOW_MS,
      maximum: () => scale(this),
    });
    const options = {
      lane: laneTag(transport),
      interval: () => settings.interval_ms,
      hold: () => settings.hold_ms / 1000,
    };
    this.lane = new Lane(transport, "demo", options, (event, lane) => this.#handle(event, lane));
    showLaneState(this.#root.querySelector(".state"), () => this.lane);
  }

  /** Starts counting from zero. */
  reset() {
    this.lane.resetCounts();
    this.cost.reset();
  }

  /**
   * Shows everything that may have changed.
   *
   * @param {number} settled_at when the settings were changed last
   * @param {number} [browser_bytes] the bytes that the browser reports for this lane
   */
  show(settled_at, browser_bytes) {
    this.#showLastMessages();
    this.#showCounts();
    this.#showRequests();
    const from = Math.max(settled_at, performance.now() - WINDOW_MS);
    const added = this.cost.since(from);
    this.#showTheory(from, added);
    this.#showBytes(added, browser_bytes);
  }

  #handle(event, lane) {
    if (event.kind === "received") {
      const message = lane.messages.at(-1);
      if (message?.delay_ms === undefined) return;
      const { published_at, delay_ms, late } = message;
      this.chart.add("delay", published_at, delay_ms, { hollow: late });
    } else if (event.kind === "closed" && !this.#away) {
      this.#away = this.chart.shade(performance.now());
      this.#announce("away", this.#name);
    } else if (event.kind === "connected" && this.#away) {
      this.#away.to = performance.now();
      this.#away = undefined;
      this.#announce("connected", this.#name);
    }
  }

  #showLastMessages() {
    const { messages } = this.lane;
    setText(this.#part("delay"), duration(messages.at(-1)?.delay_ms));
    this.#rows.forEach((cells, back) => {
      showMessage(cells, messages.at(-1 - back));
    });
  }

  #showCounts() {
    const { received, recovered, lost, lost_silently, resets } = this.lane.counts;
    setText(this.#counter("received"), String(received));
    setText(this.#counter("recovered"), String(recovered));
    setText(this.#counter("lost"), String(lost));
    setText(this.#counter("lost-silently"), String(lost_silently));
    this.#counter("lost-silently").classList.toggle("alarm", lost_silently > 0);
    const notice = this.#root.querySelector(".lane-reset");
    notice.hidden = resets === 0;
    if (resets > 0) setText(notice, fill(words.lane.reset, { n: resets }));
  }

  #showRequests() {
    const total = this.cost.total();
    for (const key of ["requests", "empty", "connections"]) {
      setText(this.#counter(key), total ? String(total[key]) : common.absent);
    }
  }

  #showTheory(from, added) {
    const delays = this.lane.messages
      .filter(({ at, published_at, late }) => at >= from && published_at >= from && !late)
      .map(({ delay_ms }) => delay_ms);
    const predicted = predict(this.#delivery, settings);
    const polls = this.#delivery !== "pushed";
    const empty = polls && added?.requests > 0 ? added.empty / added.requests : undefined;
    setText(this.#part("mean-predicted"), duration(predicted.mean_ms));
    setText(this.#part("mean-observed"), duration(summary(delays).mean));
    setText(this.#part("requests-predicted"), count(predicted.requests_per_message, 2));
    setText(this.#part("requests-observed"), count(perMessage(added, "requests"), 2));
    setText(this.#part("empty-predicted"), percent(predicted.empty_ratio));
    setText(this.#part("empty-observed"), percent(empty));
  }

  #showBytes(added, browser_bytes) {
    const { received } = this.lane.counts;
    const browser = received > 0 && browser_bytes !== undefined;
    setText(this.#part("bytes-out"), bytes(rounded(perMessage(added, "bytes_out"))));
    setText(this.#part("bytes-in"), bytes(rounded(perMessage(added, "bytes_in"))));
    const per_message = browser ? browser_bytes / received : undefined;
    setText(this.#part("bytes-browser"), bytes(rounded(per_message)));
  }

  #part(key) {
    return this.#root.querySelector(`[data-part="${key}"]`);
  }

  #counter(key) {
    return this.#root.querySelector(`[data-count="${key}"]`);
  }
}

function addRow(body) {
  const row = body.insertRow();
  const [number, delay, age] = [row.insertCell(), row.insertCell(), row.insertCell()];
  delay.className = age.className = "number";
  return { number, delay, age };
}

function showMessage({ number, delay, age }, message) {
  if (!message) {
    // The space keeps the height of the row, so that nothing moves when the first messages arrive.
    setText(number, "\u00a0");
    setText(delay, "");
    setText(age, "");
    return;
  }
  const shown = duration(message.delay_ms);
  const seconds = count(Math.floor((performance.now() - message.at) / 1000));
  setText(number, `#${message.seq}`);
  setText(delay, message.recovered ? fill(words.lane.recovered_mark, { delay: shown }) : shown);
  setText(age, fill(words.lane.ago, { seconds }));
}

const perMessage = (added, name) =>
  added?.received > 0 ? added[name] / added.received : undefined;

const rounded = (value) => (value === undefined ? undefined : Math.round(value));
