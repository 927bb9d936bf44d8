// Server monitor: one sampler for all, and the naive way beside it.

import { apart } from "../apart.js";
import { chart } from "../chart.js";
import { lane as subscribeLane } from "../lane.js";
import { get, lane as tag } from "../server.js";
import { ready, server_ms } from "../server_clock.js";
import { slider } from "../slider.js";
import { standing } from "../standing.js";
import { backOff } from "../transport/back_off.js";
import { subscribe } from "../transport/mod.js";
import { common, count, duration, fill, percent, words } from "../words.js";

const SPAN_MS = 60_000;
/** How far back what is observed of the crowd looks. */
const WINDOW_MS = 10_000;
/** The timers of the naive way, both of them. */
const TIMER_MS = 1000;

const element = (id) => document.getElementById(id);

// How old a sample is when it arrives, by the server's clock.
const age = (message, at) => server_ms(at) - message.payload.sampled_ns / 1e6;

const gibibytes = (value) => `${count(value / 1024 ** 3, 1)} GiB`;

await ready;

// ---- The machine

const shares = { maximum: 1, span: SPAN_MS, format: (value) => percent(value) };
const cpu = chart(element("cpu-chart"), {
  ...shares,
  series: [{ key: "cpu", name: words.cpu, color: "--sse" }],
  label: words.cpu_chart,
});
const memory = chart(element("memory-chart"), {
  ...shares,
  series: [{ key: "memory", name: words.memory, color: "--websocket", dash: [6, 3] }],
  label: words.memory_chart,
});

// From the beginning of what the feed still has, so that the charts need not start empty.
const options = { after: "start", lane: tag("monitor") };
const machine = subscribeLane("sse", "monitor", options, ({ kind, message, at }) => {
  if (kind === "closed") {
    // Nobody looked, or nobody told us: the line does not go on as if somebody had.
    cpu.add("cpu", performance.now(), null);
    memory.add("memory", performance.now(), null);
  }
  if (kind !== "received") return;
  const { cpu_ratio, memory_used_bytes, memory_total_bytes } = message.payload;
  const old = age(message, at);
  cpu.add("cpu", at - old, cpu_ratio);
  memory.add("memory", at - old, memory_used_bytes / memory_total_bytes);
  element("cpu").textContent = percent(cpu_ratio);
  element("memory").textContent = fill(words.memory_of, {
    used: gibibytes(memory_used_bytes),
    total: gibibytes(memory_total_bytes),
  });
  element("age").textContent = apart(old);
});
standing(element("state"), () => machine);

// ---- The crowd

const crowd = new Set();
let wanted = 10;
const way = () => document.querySelector("input[name='way']:checked").value;

// Since when the crowd is what it is, and the age of each number that reached it: { at, age_ms }.
let settled_at = performance.now();
let ages = [];

function gather() {
  while (crowd.size > wanted) {
    const [one] = crowd;
    one.stop();
    crowd.delete(one);
  }
  while (crowd.size < wanted) crowd.add(join());
  settle();
}

/** What was seen of another crowd says nothing about this one. */
function settle() {
  settled_at = performance.now();
  ages = [];
  costs = costs.slice(-1);
}

function join() {
  const one = { stands: false, stop: () => subscription.stop() };
  const on = ({ kind, message, at }) => {
    if (kind === "connected") one.stands = true;
    if (kind === "closed") one.stands = false;
    if (kind === "received") ages.push({ at, age_ms: age(message, at) });
  };
  const subscription =
    way() === "naive" ? naive(on) : subscribe("websocket", "monitor", { lane: tag("monitor-crowd") }, on);
  return one;
}

/** A subscription to the naive way: no feed and no cursor, and the frames of one. */
function naive(on) {
  const wait = backOff();
  let socket;
  let timer;
  function open() {
    socket = new WebSocket(new URL("/demo/monitor/naive", location.href.replace(/^http/, "ws")));
    socket.onmessage = ({ data }) => {
      const at = performance.now();
      const said = JSON.parse(data);
      if (said.hello) {
        wait.reset();
        on({ kind: "connected" });
      } else if (said.payload) {
        on({ kind: "received", message: said, at });
      }
    };
    socket.onclose = () => {
      on({ kind: "closed" });
      timer = setTimeout(open, wait.next());
    };
  }
  open();
  return {
    stop() {
      clearTimeout(timer);
      socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
}

// ---- What it costs

// What the server said of its samplers, once a second.
let costs = [];

async function ask() {
  try {
    const said = await get("/demo/monitor/cost");
    // A server that began anew counts from zero, and is compared with nothing before.
    if (said.samples < costs.at(-1)?.samples) costs = [];
    costs.push(said);
    while (costs.length > 2 && costs[1].at_ns < said.at_ns - WINDOW_MS * 1e6) costs.shift();
  } catch {
    costs = [];
  }
  setTimeout(ask, 1000);
}

function observed() {
  const now = performance.now();
  ages = ages.filter(({ at }) => at > now - WINDOW_MS);
  const values = ages.map(({ age_ms }) => age_ms);
  const [first, last] = [costs[0], costs.at(-1)];
  const seconds = first === last ? undefined : (last.at_ns - first.at_ns) / 1e9;
  return {
    samples: seconds && (last.samples - first.samples) / seconds,
    sampling_ms: seconds && (last.sampling_us - first.sampling_us) / 1000 / seconds,
    // What a sample takes, over all that this server ever took.
    each_ms: last?.samples > 0 ? last.sampling_us / 1000 / last.samples : undefined,
    age_ms: values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined,
    least: values.length > 0 ? Math.min(...values) : undefined,
    most: values.length > 0 ? Math.max(...values) : undefined,
    naive: last?.naive_connections,
  };
}

// The last that was seen of each way, so that both can be looked at together.
const seen = {};

function show() {
  const now = observed();
  const samples = now.naive === undefined ? undefined : now.naive + 1;
  const stands = [...crowd].filter((one) => one.stands).length;
  const naively = way() === "naive";

  // Where the number comes straight from the sampler it is as old as its way here.
  const predicted = naively ? TIMER_MS / 2 : 0;
  const from_to = (least, most) => fill(words.crowd.range, { least, most });
  const cells = {
    samples: [count(samples), count(now.samples, 1)],
    sampling: [duration(samples && now.each_ms && samples * now.each_ms), duration(now.sampling_ms)],
    "mean-age": [duration(predicted), apart(now.age_ms)],
    ages: [
      naively ? from_to(duration(0), duration(TIMER_MS)) : duration(0),
      now.least === undefined ? common.absent : from_to(apart(now.least), apart(now.most)),
    ],
  };
  // Only once the window lies wholly in this way's time.
  const settled = performance.now() - settled_at > 5000 && stands === wanted;
  if (settled) seen[way()] = Object.fromEntries(Object.entries(cells).map(([id, [, value]]) => [id, value]));
  for (const [id, [predicted_cell, observed_cell]] of Object.entries(cells)) {
    const cell = (part) => element(id).querySelector(`[data-part="${part}"]`);
    cell("predicted").textContent = predicted_cell;
    cell("observed").textContent = observed_cell;
    for (const one of ["shared", "naive"]) cell(one).textContent = seen[one]?.[id] ?? common.absent;
  }

  const text = fill(words.crowd.standing, { n: count(stands), all: count(wanted) });
  if (element("standing").textContent !== text) element("standing").textContent = text;

  const others = (now.naive ?? 0) - (naively ? stands : 0);
  element("others").hidden = others <= 0;
  element("others").textContent = fill(words.crowd.others, { n: others });
}

slider(element("subscribers"), {
  values: [1, 2, 5, 10, 20, 50, 100],
  value: wanted,
  format: (n) => count(n),
  on(n) {
    wanted = n;
    gather();
  },
});
element("way").addEventListener("change", () => {
  for (const one of crowd) one.stop();
  crowd.clear();
  gather();
});
gather();
ask();
setInterval(show, 500);
show();
