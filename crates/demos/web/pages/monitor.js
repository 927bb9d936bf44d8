// Server monitor: one sampler for all connections, and the naive way beside it.

import { LineChart } from "../charts/line_chart.js";
import { byId } from "../elements.js";
import { count, fill, percent } from "../format.js";
import { words } from "../page_data.js";
import { clockReady } from "../server/clock.js";
import { delayText } from "../server/delay_text.js";
import { laneTag } from "../server/tab.js";
import { slider } from "../slider.js";
import { Lane } from "../subscription/lane.js";
import { showLaneState } from "../subscription/state_text.js";
import { sampleAge } from "./monitor/age.js";
import { Comparison } from "./monitor/comparison.js";
import { ConnectionCrowd } from "./monitor/crowd.js";

const SPAN_MS = 60_000;

const gibibytes = (value) => `${count(value / 1024 ** 3, 1)} GiB`;

await clockReady;

// ---- The machine

const share = { maximum: 1, span: SPAN_MS, format: (value) => percent(value) };
const cpu = new LineChart(byId("cpu-chart"), {
  ...share,
  series: [{ key: "cpu", name: words.cpu, color: "--sse" }],
  label: words.cpu_chart,
});
const memory = new LineChart(byId("memory-chart"), {
  ...share,
  series: [{ key: "memory", name: words.memory, color: "--websocket", dash: [6, 3] }],
  label: words.memory_chart,
});

// From the start of what the feed still has, so that the charts do not start empty.
const options = { after: "start", lane: laneTag("monitor") };
const machine = new Lane("sse", "monitor", options, (event) => {
  if (event.kind === "closed") interruptCharts();
  if (event.kind === "received") showSample(event);
});
showLaneState(byId("state"), () => machine);

/** Interrupts the lines: nothing is known of the time in which the lane is away. */
function interruptCharts() {
  cpu.add("cpu", performance.now(), null);
  memory.add("memory", performance.now(), null);
}

function showSample({ message, at }) {
  const { cpu_ratio, memory_used_bytes, memory_total_bytes } = message.payload;
  const age = sampleAge(message, at);
  cpu.add("cpu", at - age, cpu_ratio);
  memory.add("memory", at - age, memory_used_bytes / memory_total_bytes);
  byId("cpu").textContent = percent(cpu_ratio);
  byId("memory").textContent = fill(words.memory_of, {
    used: gibibytes(memory_used_bytes),
    total: gibibytes(memory_total_bytes),
  });
  byId("age").textContent = delayText(age);
}

// ---- The crowd, and what it costs

const way = () => document.querySelector("input[name='way']:checked").value;
const crowd = new ConnectionCrowd(way);
const comparison = new Comparison(crowd, way);

slider(byId("subscribers"), {
  values: [1, 2, 5, 10, 20, 50, 100],
  value: crowd.size,
  format: (n) => count(n),
  onChange(n) {
    crowd.resize(n);
    comparison.reset();
  },
});
byId("way").addEventListener("change", () => {
  crowd.replaceAll();
  comparison.reset();
});
crowd.resize(crowd.size);
comparison.start();
