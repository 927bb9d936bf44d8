// Unread badge: the same number, polled every few seconds and pushed.

import { byId } from "../elements.js";
import { fill, shortDuration } from "../format.js";
import { common } from "../page_data.js";
import { post } from "../server/api.js";
import { clockReady } from "../server/clock.js";
import { errorText } from "../server/error_text.js";
import { watchLaneCounts } from "../server/lane_counts.js";
import { slider } from "../slider.js";
import { Badge } from "./badge/badge.js";

let interval_ms = 10_000;

await clockReady;
const badges = [
  new Badge("polled", "short-polling", () => interval_ms, show),
  new Badge("pushed", "sse", () => interval_ms, show),
];

function show() {
  // The newest change that either badge knows shows that the other is out of date.
  const known = badges.map(({ shown }) => shown).filter(Boolean);
  const newest = known.reduce(
    (one, other) => (one.published_ns < other.published_ns ? other : one),
    {
      published_ns: 0,
    },
  );
  for (const badge of badges) badge.show(newest);
}

function startOver() {
  for (const badge of badges) badge.reset();
  show();
}

watchLaneCounts((countsOf) => {
  for (const badge of badges) badge.updateBytes(countsOf);
});

slider(byId("interval"), {
  values: [1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000],
  value: interval_ms,
  format: shortDuration,
  onChange(ms) {
    interval_ms = ms;
    // Values observed with another interval say nothing about this one.
    startOver();
  },
});
byId("zero").addEventListener("click", startOver);
byId("read").addEventListener("click", async () => {
  try {
    await post("/demo/inbox/read", {});
    byId("problem").textContent = "";
  } catch (error) {
    byId("problem").textContent = fill(common.failed, { error: errorText(error) });
  }
});
setInterval(show, 200);
