// One way of reading the table: its lane, the rows as received, and the curves of what it costs.

import { LineChart } from "../../charts/line_chart.js";
import { setText } from "../../elements.js";
import { bytes, byteUnit, count, fill, shortBytes, shortDuration } from "../../format.js";
import { common, deliveryOf, words } from "../../page_data.js";
import { laneTag } from "../../server/tab.js";
import { Lane } from "../../subscription/lane.js";
import { showLaneState } from "../../subscription/state_text.js";
import { Rate } from "./rate.js";
import { ReceivedRows } from "./received_rows.js";

/** The interval of the tutorial. */
const INTERVAL_MS = 500;

/** How far back the charts look. */
const SPAN_MS = 60_000;

/** After this time a point is drawn even if a response is under way, whose bytes are incomplete. */
const PATIENCE_MS = 3000;

export class WayView {
  #name;
  #root;
  #polls;
  #lane;
  #rows;
  #counts;
  /** When the last response was complete. `undefined` while a poll is under way. */
  #idle_since = performance.now();
  /** The last point of the curve of bytes: { at, bytes, units }. */
  #counted = { at: performance.now(), bytes: 0, units: 0 };
  #queries = new Rate();

  /**
   * @param {string} way `whole`, `cursor` or `push`: the panel on the page
   * @param {string} transport
   * @param {{mode?: string, after?: string}} options of the subscription
   * @param {{bytes: () => number, queries: () => number}} scales the ends of the charts' scales
   */
  constructor(way, transport, options, scales) {
    this.#name = `table-${way}`;
    this.#root = document.querySelector(`[data-way="${way}"]`);
    this.#polls = deliveryOf(transport) === "polled";
    const is_whole = options.mode === "whole";
    this.#rows = new ReceivedRows(this.#root.querySelector("tbody"), is_whole);
    this.bytes = this.#makeBytesChart(way, scales.bytes);
    this.queries = this.#makeQueriesChart(way, scales.queries);
    const asks = this.#polls ? words.asks_every : words.asks_once;
    const how = {
      transport: common.transport_in_text[transport],
      interval: shortDuration(INTERVAL_MS),
    };
    setText(this.#part("asks"), fill(asks, how));
    const subscription = { ...options, lane: laneTag(this.#name), interval: INTERVAL_MS };
    this.#lane = new Lane(transport, "message-table", subscription, (event) => this.#handle(event));
    showLaneState(this.#root.querySelector(".state"), () => this.#lane);
  }

  /** Notes what the server has counted of this lane. It was asked at `asked_at`. */
  update(countsOf, asked_at) {
    const counts = countsOf(this.#name);
    if (!counts) return;
    this.#counts = counts;
    this.#queries.add(asked_at, counts.queries);
    const per_second = this.queriesPerSecond();
    if (per_second !== undefined) this.queries.add("queries", asked_at, per_second);
    this.#addBytes(counts, asked_at);
  }

  /** Shows the queries if there is a database, and otherwise says that there is none. */
  showStore({ store, rows_kept }) {
    this.#rows.kept = rows_kept;
    this.#part("queries-chart").hidden = store === null;
    this.#part("queries-now").hidden = store === null;
    this.#part("no-queries").hidden = store !== null;
  }

  /** Returns the queries per second of this lane; `undefined` until they are known. */
  queriesPerSecond() {
    return this.#queries.perSecond();
  }

  /** Shows everything that may have changed. */
  show() {
    this.#rows.show(this.#lane.messages);
    const { requests, bytes_in, bytes_out } = this.#counts ?? {};
    this.#showCount("known", count(this.#rows.known));
    this.#showCount("received", count(this.#rows.received));
    this.#showCount("requests", count(requests));
    this.#showCount("bytes", bytes(this.#counts && bytes_in + bytes_out));
    setText(this.#part("queries-now"), count(this.queriesPerSecond(), 1));
  }

  #handle(event) {
    if (event.kind === "request") this.#idle_since = undefined;
    else if (this.#polls || event.kind === "received") this.#idle_since = performance.now();
    if (event.kind === "closed") this.#interrupt();
    this.#rows.handle(event);
  }

  /** Interrupts the lines: nothing is known of the time in which the lane is away. */
  #interrupt() {
    this.#queries.interrupt();
    for (const [chart, key] of [
      [this.bytes, "bytes"],
      [this.queries, "queries"],
    ]) {
      chart.add(key, performance.now(), null);
    }
  }

  /** Adds the bytes of each poll, or of each row that was pushed, since the last point. */
  #addBytes({ requests, bytes_in, bytes_out }, asked_at) {
    const before = this.#counted;
    // What crosses while the server counts is only partly in its counts. The next point has it.
    const settled = this.#idle_since <= asked_at;
    if (!settled && asked_at - before.at < PATIENCE_MS) return;
    const now = {
      at: asked_at,
      bytes: bytes_in + bytes_out,
      units: this.#polls ? requests : this.#rows.received,
    };
    if (now.units === before.units) return;
    const per_unit = Math.round((now.bytes - before.bytes) / (now.units - before.units));
    this.#counted = now;
    this.bytes.add("bytes", asked_at, per_unit);
    setText(this.#part("bytes-now"), bytes(per_unit));
  }

  #makeBytesChart(way, maximum) {
    const name = words[way].per_unit;
    return new LineChart(this.#part("bytes-chart"), {
      // Polls never stop. There is nothing between one row and the next.
      series: [{ key: "bytes", name, color: "--lane", line: this.#polls, dots: !this.#polls }],
      label: fill(words.chart, { way: words[way].title, name }),
      span: SPAN_MS,
      maximum,
      format: bytes,
      tick: shortBytes,
      unit: byteUnit,
    });
  }

  #makeQueriesChart(way, maximum) {
    const name = words.queries;
    return new LineChart(this.#part("queries-chart"), {
      series: [{ key: "queries", name, color: "--lane" }],
      label: fill(words.chart, { way: words[way].title, name }),
      span: SPAN_MS,
      maximum,
      format: (value) => count(value, 1),
      tick: (value) => count(value),
    });
  }

  #showCount(key, text) {
    setText(this.#root.querySelector(`[data-count="${key}"]`), text);
  }

  #part(key) {
    return this.#root.querySelector(`[data-part="${key}"]`);
  }
}
