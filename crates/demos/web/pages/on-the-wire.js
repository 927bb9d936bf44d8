// On the wire: what crosses the socket in each lane, as a timeline, as a list, and byte by byte.

import { startControls } from "../demo_controls.js";
import { byId } from "../elements.js";
import { fill } from "../format.js";
import { words } from "../page_data.js";
import { clockReady } from "../server/clock.js";
import { makeLanes, WireLane } from "./on-the-wire/lanes.js";
import { RecordList } from "./on-the-wire/record_list.js";
import { Recording } from "./on-the-wire/recording.js";
import { Timeline } from "./on-the-wire/timeline.js";
import { Totals } from "./on-the-wire/totals.js";
import { UnitDetail } from "./on-the-wire/unit_detail.js";

// The time at which the picture is held still, if it is.
let held_at;
let lanes = [];

startControls();

const timeline = new Timeline(byId("timeline"), {
  lanes: () => lanes.filter((lane) => lane.isShown),
  span: () => Number(byId("span").value),
  now: () => held_at ?? performance.now(),
  label: () => fill(words.timeline, { lanes: runningTitles() }),
  onSelect: select,
});
lanes = makeLanes(timeline);
const list = new RecordList(lanes, select);
const totals = new Totals(lanes);
const detail = new UnitDetail(byId("detail"));

const recording = new Recording({
  onUnits(units) {
    for (const unit of units) WireLane.of(lanes, unit.lane)?.add(unit);
    if (held_at === undefined) list.update();
    totals.show();
  },
  onLoss: (n) => showProblem(fill(words.dropped, { n })),
  onBusy: () => showProblem(words.busy),
});

function runningTitles() {
  return lanes
    .filter((lane) => lane.isRunning)
    .map(({ title }) => title)
    .join(", ");
}

function showProblem(text) {
  byId("dropped").textContent = text;
  byId("dropped").hidden = false;
}

function select(unit) {
  timeline.select(unit);
  list.select(unit);
  detail.show(unit, WireLane.of(lanes, unit.lane).title);
  // On a phone the bytes are below the list: go there. Beside it, the list keeps the focus.
  if (detail.isBelow(byId("records"))) detail.focus();
}

byId("span").addEventListener("change", () => timeline.redraw());

byId("hold-still").addEventListener("click", () => {
  held_at = held_at === undefined ? performance.now() : undefined;
  byId("hold-still").setAttribute("aria-pressed", String(held_at !== undefined));
  if (held_at === undefined) list.update();
  timeline.redraw();
});

byId("clear").addEventListener("click", () => {
  timeline.clear();
  for (const lane of lanes) lane.clear();
  recording.clearLosses();
  byId("dropped").hidden = true;
  list.clear();
  list.update();
  totals.show();
});

// The server records only while a page asks. Ask before subscribing, to see the first request as
// well.
await clockReady;
await recording.start();
for (const lane of lanes) lane.start();
