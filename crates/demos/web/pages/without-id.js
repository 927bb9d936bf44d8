// Without id: one feed as two event streams, and what each of them loses in a cut.

import { byId } from "../elements.js";
import { count, fill, seconds as inSeconds } from "../format.js";
import { common, words } from "../page_data.js";
import { clockReady } from "../server/clock.js";
import { errorText } from "../server/error_text.js";
import { cutOwnLanes } from "../server/own_cut.js";
import { laneTag } from "../server/tab.js";
import { slider } from "../slider.js";
import { ClockStream } from "./without-id/clock_stream.js";
import { StreamView } from "./without-id/stream_view.js";

const REFRESH_MS = 250;

let cut_s = 3;
let cuts = 0;
/** How often each stream had come back before the last cut. */
let returns_before = [];

await clockReady;
const without = new ClockStream(`/demo/clock/without-id?lane=${laneTag("without-id")}`);
const withId = new ClockStream(`/feeds/clock/sse?lane=${laneTag("with-id")}`);
const streams = { without, with: withId };
const views = Object.entries(streams).map(([name, stream]) => new StreamView(name, stream));

function show() {
  // Both strips end with the newest second that either stream knows, so that they line up.
  const newest = Math.max(0, ...Object.values(streams).map((stream) => stream.newest));
  for (const view of views) view.show(newest);
  if (cuts > 0) byId("result").textContent = resultText();
}

function resultText() {
  const all = Object.values(streams);
  const is_back = ({ is_open, returns }, n) => is_open && returns > returns_before[n];
  if (!all.every(is_back)) return words.away;
  return fill(words.result, {
    n: cuts,
    cuts: count(cuts),
    away: inSeconds(without.away_ms / 1000, 1),
    lost: count(without.counts.lost),
    lost_with: count(withId.counts.lost),
    recovered: count(withId.counts.recovered),
  });
}

byId("cut").addEventListener("click", async () => {
  try {
    returns_before = Object.values(streams).map(({ returns }) => returns);
    await cutOwnLanes(cut_s);
    cuts += 1;
    show();
  } catch (error) {
    byId("result").textContent = fill(common.failed, { error: errorText(error) });
  }
});
byId("zero").addEventListener("click", () => {
  cuts = 0;
  for (const stream of Object.values(streams)) stream.reset();
  byId("result").textContent = words.not_yet;
  show();
});
slider(byId("seconds"), {
  values: [0, 1, 3, 5, 10, 20],
  value: cut_s,
  format: (n) => inSeconds(n),
  onChange(n) {
    cut_s = n;
  },
});
setInterval(show, REFRESH_MS);
