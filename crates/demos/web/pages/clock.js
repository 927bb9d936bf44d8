// Clock: what time the server says it is, over a transport of one's choice.

import { apart } from "../apart.js";
import { chart } from "../chart.js";
import { lane as subscribeLane } from "../lane.js";
import { lane as tag } from "../server.js";
import { delay, ready, uncertainty_ms } from "../server_clock.js";
import { slider } from "../slider.js";
import { standing } from "../standing.js";
import { briefly, common, duration, fill, language, words } from "../words.js";

const WINDOW_MS = 60_000;

const element = (id) => document.getElementById(id);
const counted = (name) => document.querySelector(`[data-count="${name}"]`);
const chosen = () => document.querySelector("input[name='transport']:checked").value;

const hands = new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "full" });

let heard;
let cursor;
let interval_ms = 1000;
let received = 0;
let requests = 0;
let delays;

function listen() {
  const transport = chosen();
  heard?.stop();
  delays?.remove();
  const place = element("chart");
  place.dataset.transport = transport;
  delays = chart(place, {
    series: [{ key: "delay", name: words.delays, color: "--lane", dots: true, line: false }],
    label: words.chart,
    span: WINDOW_MS,
    maximum: () => Math.max(10, delays?.highest() ?? 0),
  });
  element("interval-field").hidden = transport !== "short-polling";
  received = requests = 0;
  show();
  const options = { after: cursor, lane: tag(`clock-${transport}`), interval: () => interval_ms };
  heard = subscribeLane(transport, "clock", options, follow);
  stand();
}

function follow(event) {
  if (event.kind === "gap") ({ cursor } = event);
  if (event.kind === "request") requests += 1;
  // What opens a stream or a socket is one request; a poll has counted itself.
  if (event.kind === "connected" && !chosen().endsWith("-polling")) requests += 1;
  if (event.kind === "received") {
    ({ cursor } = event);
    received += 1;
    tell(event);
  }
  show();
}

function tell({ message, at }) {
  const told = new Date(message.payload.time);
  const late = delay(message, at);
  element("time").textContent = hands.format(told);
  element("time").dateTime = message.payload.time;
  element("date").textContent = day.format(told);
  element("delay").textContent = apart(late);
  if (late === undefined) return;

  delays.add("delay", at, late);
  const shown = delays.values("delay").map(({ value }) => value);
  element("mean").textContent = apart(shown.reduce((sum, value) => sum + value, 0) / shown.length);
  // What the server's clock shows at the moment of arrival, against what ours shows.
  const ahead = told.getTime() + late - (Date.now() - (performance.now() - at));
  element("offset").textContent = fill(ahead < 0 ? words.behind : words.ahead, {
    duration: duration(Math.abs(ahead)),
  });
  element("uncertainty").textContent = duration(uncertainty_ms());
}

function show() {
  counted("received").textContent = String(received);
  counted("requests").textContent = String(requests);
}

function tick() {
  const now = Date.now();
  element("own-time").textContent = hands.format(now);
  setTimeout(tick, 1000 - (now % 1000));
}

slider(element("interval"), {
  values: [500, 1000, 2000, 5000],
  value: interval_ms,
  format: briefly,
  on: (ms) => (interval_ms = ms),
});
for (const choice of document.querySelectorAll("input[name='transport']")) {
  choice.addEventListener("change", listen);
}
const stand = standing(element("state"), () => heard);
element("time").textContent = common.absent;
tick();
await ready;
listen();
