// Clock: the server's time, over a transport of the visitor's choice.

import { LineChart } from "../charts/line_chart.js";
import { byId } from "../elements.js";
import { duration, fill, shortDuration } from "../format.js";
import { common, deliveryOf, language, words } from "../page_data.js";
import { clockError, clockReady, deliveryDelay } from "../server/clock.js";
import { delayText } from "../server/delay_text.js";
import { laneTag } from "../server/tab.js";
import { slider } from "../slider.js";
import { mean } from "../statistics.js";
import { Lane } from "../subscription/lane.js";
import { showLaneState } from "../subscription/state_text.js";

const WINDOW_MS = 60_000;

const counter = (name) => document.querySelector(`[data-count="${name}"]`);
const chosen = () => document.querySelector("input[name='transport']:checked").value;

const timeFormat = new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" });
const dateFormat = new Intl.DateTimeFormat(language, { dateStyle: "full" });

let lane;
let cursor;
let interval_ms = 1000;
let received = 0;
let requests = 0;
let delays;

function subscribe() {
  const transport = chosen();
  const delivery = deliveryOf(transport);
  lane?.stop();
  byId("interval-field").hidden = delivery !== "polled";
  replaceChart(transport);
  received = requests = 0;
  showCounts();
  const options = {
    after: cursor,
    lane: laneTag(`clock-${transport}`),
    interval: () => interval_ms,
  };
  lane = new Lane(transport, "clock", options, (event) => handle(event, delivery));
  showState();
}

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

function handle(event, delivery) {
  if (event.cursor) ({ cursor } = event);
  if (event.kind === "request") requests += 1;
  // Opening a stream or a socket is one request. Polls report theirs themselves.
  if (event.kind === "connected" && delivery === "pushed") requests += 1;
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
  counter("requests").textContent = String(requests);
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
await clockReady;
subscribe();
