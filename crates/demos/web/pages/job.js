// Job done: how the page learns that a long task has ended.

import { byId } from "../elements.js";
import { count, fill, shortDuration } from "../format.js";
import { common, words } from "../page_data.js";
import { post } from "../server/api.js";
import { clockReady, deliveryDelay } from "../server/clock.js";
import { delayText } from "../server/delay_text.js";
import { errorText } from "../server/error_text.js";
import { watchServer } from "../server/status.js";
import { laneTag } from "../server/tab.js";
import { slider } from "../slider.js";
import { Lane } from "../subscription/lane.js";
import { showLaneState } from "../subscription/state_text.js";
import { addFinishedJob, elementOf, showJob, WAYS } from "./job/job_view.js";
import { notifyDone } from "./job/notifications.js";

const FEED = "jobs";

let seconds = 8;
let interval_ms = 3000;
let life;
// The running job or the last one: see `start`.
let job;
let started = 0;

await clockReady;

// ---- The two ways to learn of the end

// Pushed: one subscription for all jobs.
const pushed = new Lane("sse", FEED, { lane: laneTag("job-pushed") }, (event) =>
  handle("pushed", event),
);
showLaneState(elementOf("way", "pushed"), () => pushed);

// Polled: while a job is running, as on a page that has nothing else to ask for.
let polled;
showLaneState(elementOf("way", "polled"), () => polled ?? { state: "stopped" });

/** Starts to poll. Resolves once the poller knows its place in the feed. */
function startPolling() {
  // A job starts at a random time within the poller's interval. Were the polls counted from its
  // start, a job of 8 s polled every 3 s would always be known 1 s late.
  const phase = Math.random();
  let requests = 0;
  const interval = () => (requests === 1 ? phase * interval_ms : interval_ms);
  return new Promise((resolve) => {
    polled = new Lane("short-polling", FEED, { lane: laneTag("job-polled"), interval }, (event) => {
      if (event.kind === "request") requests += 1;
      if (event.kind === "connected") resolve();
      handle("polled", event);
    });
  });
}

function handle(way, { kind, message, gap, at }) {
  if (!job || job.over) return;
  if (kind === "empty" && job[way].told_at === undefined) {
    job[way].empty_at.push(performance.now());
  }
  if (kind === "gap" && gap.reset) loseJob();
  if (kind !== "received" || message.payload.job !== job.id) return;

  job[way].told_at = at;
  job[way].late_ms = deliveryDelay(message, at);
  job.took_ms = message.payload.took_ms;
  const late = delayText(job[way].late_ms);
  const told = way === "pushed" ? words.told_pushed : words.told_polled;
  byId("status").textContent = fill(told, { late });
  if (way === "polled") polled.stop();
  notifyDone(job);
  if (WAYS.every((one) => job[one].told_at !== undefined)) finishJob();
  show();
}

// ---- A job

async function start() {
  byId("start").disabled = true;
  byId("problem").textContent = "";
  polled?.stop();
  job = undefined;
  await startPolling();
  try {
    const accepted = await post("/demo/jobs", { seconds });
    started += 1;
    job = {
      id: accepted.job,
      takes_ms: accepted.seconds * 1000,
      number: started,
      interval_ms,
      began_at: performance.now(),
      life,
      over: false,
      polled: { empty_at: [] },
      pushed: { empty_at: [] },
    };
    byId("status").textContent = fill(words.running, { seconds: count(accepted.seconds) });
  } catch (error) {
    polled.stop();
    byId("start").disabled = false;
    const full = error.status === 503;
    const problem = full ? words.failed.full : fill(common.failed, { error: errorText(error) });
    byId("problem").textContent = problem;
  }
  show();
}

function finishJob() {
  job.over = true;
  byId("start").disabled = false;
  addFinishedJob(job);
}

/** Called when the server that had the job was restarted. */
function loseJob() {
  job.over = true;
  polled.stop();
  byId("start").disabled = false;
  byId("status").textContent = words.lost;
}

watchServer(({ here, state }) => {
  if (!here) return;
  life = state.life;
  if (job && !job.over && job.life && job.life !== life) loseJob();
});

// ---- The page

const show = () => showJob(job, interval_ms);

setInterval(() => job && !job.over && show(), 100);

slider(byId("seconds"), {
  values: [2, 5, 8, 15, 30, 60, 120],
  value: seconds,
  format: (n) => shortDuration(n * 1000),
  onChange(n) {
    seconds = n;
  },
});
slider(byId("interval"), {
  values: [500, 1000, 2000, 3000, 5000, 10_000, 30_000],
  value: interval_ms,
  format: shortDuration,
  onChange(ms) {
    interval_ms = ms;
    show();
  },
});
byId("start").addEventListener("click", start);
show();
