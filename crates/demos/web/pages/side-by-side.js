// Side by side: a lane for each transport on the feed `demo`, and what it costs.

import { startControls } from "../demo_controls.js";
import { byId, setText } from "../elements.js";
import { duration, fill } from "../format.js";
import { transports, words } from "../page_data.js";
import { clockError } from "../server/clock.js";
import { watchLaneCounts } from "../server/lane_counts.js";
import { BrowserBytes } from "./side-by-side/browser_bytes.js";
import { LaneView } from "./side-by-side/lane_view.js";

const REFRESH_MS = 250;

/** The shortest scale of the charts: a shorter one would show the noise of the browser's timers. */
const MIN_SCALE_MS = 10;

// Values observed with other settings are not compared with the prediction.
let settled_at = performance.now();
const settle = () => {
  settled_at = performance.now();
};
startControls(settle);

const scaleOf = (view) => Math.max(MIN_SCALE_MS, view.chart.highest());
const scale = (view) =>
  byId("same-scale").checked ? Math.max(...views.map(scaleOf)) : scaleOf(view);
const views = transports.map((transport) => new LaneView(transport, { scale, announce }));

// On a phone the lanes are a strip: the name, the delay and the chart of each. The rest opens on demand.
const phone = matchMedia("(max-width: 40rem)");
const fold = () => {
  for (const more of document.querySelectorAll(".lane-more")) more.open = !phone.matches;
};
phone.addEventListener("change", fold);
fold();

// One sentence for the lanes that change together, so that a screen reader can read it to the end.
let changes = [];
function announce(state, name) {
  if (changes.length === 0) {
    setTimeout(() => {
      byId("changes").textContent = changes.join(" ");
      changes = [];
    }, 700);
  }
  changes.push(fill(words.changed[state], { name }));
}

watchLaneCounts((countsOf) => {
  for (const view of views) view.cost.update(countsOf(view.transport), view.lane.counts.received);
});

const browser = new BrowserBytes();

setInterval(() => {
  for (const view of views) view.show(settled_at, browser.of(view.transport));
  const error = clockError();
  if (error === undefined) return;
  setText(byId("clock"), fill(words.clock, { uncertainty: `±${duration(error)}` }));
}, REFRESH_MS);

byId("zero").addEventListener("click", () => {
  settle();
  browser.reset();
  for (const view of views) view.reset();
});
byId("same-scale").addEventListener("change", () => {
  for (const view of views) view.chart.redraw();
});
