// Unread badge: the same number, polled every few seconds and pushed.

import { byId } from "../elements.js";
import { count, duration, fill, shortDuration } from "../format.js";
import { common, words } from "../page_data.js";
import { post } from "../server/api.js";
import { clockReady } from "../server/clock.js";
import { delayText } from "../server/delay_text.js";
import { errorText } from "../server/error_text.js";
import { watchLaneCounts } from "../server/lane_counts.js";
import { slider } from "../slider.js";
import { Badge } from "./badge/badge.js";

/** The lesson takes a minute, from the last change of the interval. */
const LESSON_MS = 60_000;

let interval_ms = 1000;
let started_at = performance.now();
let is_over = false;

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
  started_at = performance.now();
  is_over = false;
  byId("lesson").textContent = words.lesson.running;
  show();
}

/** Shows how much of the minute has passed, and at its end what it has shown. */
function showLesson() {
  const passed = performance.now() - started_at;
  byId("minute").value = Math.min(passed, LESSON_MS) / 1000;
  if (passed < LESSON_MS || is_over) return;
  is_over = true;
  const [polled, pushed] = badges.map((badge) => badge.observed());
  byId("lesson").textContent = fill(words.lesson.over, {
    requests: count(polled.requests),
    empty: count(polled.empty),
    polled: delayText(polled.mean_ms),
    pushed: delayText(pushed.mean_ms),
    in_life: duration(10 * polled.mean_ms),
  });
}

watchLaneCounts((countsOf) => {
  for (const badge of badges) badge.updateBytes(countsOf);
});

slider(byId("interval"), {
  values: [100, 200, 500, 1000, 2000, 3000, 6000],
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
setInterval(() => {
  show();
  showLesson();
}, 200);
