// Clock: the server's time, over a transport of the visitor's choice.

import { LineChart } from "../charts/line_chart.js";
import { byId } from "../elements.js";
import { count, duration, fill, shortDuration } from "../format.js";
import { common, deliveryOf, language, words } from "../page_data.js";
import { clockError, clockReady, deliveryDelay } from "../server/clock.js";
import { delayText } from "../server/delay_text.js";
import { watchLaneCounts } from "../server/lane_counts.js";
import { laneTag } from "../server/tab.js";
import { slider } from "../slider.js";
import { mean } from "../statistics.js";
import { Lane } from "../subscription/lane.js";
import { showLaneState } from "../subscription/state_text.js";
import { TwoClocks } from "./clock/two_clocks.js";

const WINDOW_MS = 60_000;

const counter = (name) => document.querySelector(`[data-count="${name}"]`);
const chosen = () => document.querySelector("input[name='transport']:checked").value;

const timeFormat = new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" });
const dateFormat = new Intl.DateTimeFormat(language, { dateStyle: "full" });

let lane;
let cursor;
let interval_ms = 1000;
let received = 0;
/** The requests of the chosen transport as the server counts them, now and when it was chosen. */
let requests;
let requests_before;
let delays;

const clocks = new TwoClocks();

const laneOf = (transport) => `clock-${transport}`;
let requestsOf = () => undefined;

function subscribe() {
  const transport = chosen();
  lane?.stop();
  byId("interval-field").hidden = deliveryOf(transport) !== "polled";
  replaceChart(transport);
  clocks.reset();
  byId("faces").dataset.transport = transport;
  received = 0;
  requests_before = requestsOf(transport) ?? 0;
  requests = undefined;
  showCounts();
  const options = {
    after: cursor,
    lane: laneTag(laneOf(transport)),
    interval: () => interval_ms,
  };
  lane = new Lane(transport, "clock", options, handle);
  showState();
}

watchLaneCounts((countsOf) => {
  requestsOf = (transport) => countsOf(laneOf(transport))?.requests;
  requests = requestsOf(chosen());
  showCounts();
});

function replaceChart(transport) {
  delays?.remove();
  const place = byId("chart");
  place.dataset.transport = transport;
  delays = new LineChart(place, {
    series: [{ key: "delay", name: words.delays, color: "--lane", dots: true, line: false }],
    label: words.chart,
    span: WINDOW_MS,
    maximum: () => Math.max(10, delays.highest()),
  });
}

function handle(event) {
  if (event.cursor) ({ cursor } = event);
  if (event.kind === "received") {
    received += 1;
    showTime(event);
  }
  showCounts();
}

function showTime({ message, at }) {
  const time = new Date(message.payload.time);
  const delay = deliveryDelay(message, at);
  byId("time").textContent = timeFormat.format(time);
  byId("time").dateTime = message.payload.time;
  byId("date").textContent = dateFormat.format(time);
  byId("delay").textContent = delayText(delay);
  if (delay === undefined) return;

  delays.add("delay", at, delay);
  clocks.receive(time, delay, at);
  byId("mean").textContent = delayText(mean(delays.values("delay")));
  // What the server's clock showed at the arrival, compared with what this device's clock showed.
  const ahead = time.getTime() + delay - (Date.now() - (performance.now() - at));
  byId("offset").textContent = fill(ahead < 0 ? words.behind : words.ahead, {
    duration: duration(Math.abs(ahead)),
  });
  byId("uncertainty").textContent = duration(clockError());
}

function showCounts() {
  counter("received").textContent = String(received);
  counter("requests").textContent = count(requests && requests - requests_before);
}

function showOwnTime() {
  const now = Date.now();
  byId("own-time").textContent = timeFormat.format(now);
  setTimeout(showOwnTime, 1000 - (now % 1000));
}

slider(byId("interval"), {
  values: [500, 1000, 2000, 5000],
  value: interval_ms,
  format: shortDuration,
  onChange(ms) {
    interval_ms = ms;
  },
});
for (const choice of document.querySelectorAll("input[name='transport']")) {
  choice.addEventListener("change", subscribe);
}
const showState = showLaneState(byId("state"), () => lane);
byId("time").textContent = common.absent;
showOwnTime();
clocks.start();
await clockReady;
subscribe();
