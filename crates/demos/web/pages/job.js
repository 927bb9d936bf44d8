// Job done: how the page learns that a long task has ended.

import { apart } from "../apart.js";
import { lane as subscribeLane } from "../lane.js";
import { refusal } from "../refusal.js";
import { lane as tag, post, watch } from "../server.js";
import { delay, ready } from "../server_clock.js";
import { slider } from "../slider.js";
import { standing } from "../standing.js";
import { briefly, common, count, duration, fill, words } from "../words.js";

const WAYS = ["polled", "pushed"];
const FEED = "jobs";

const element = (id) => document.getElementById(id);
const of = (key, way) => document.querySelector(`[data-${key}="${way}"]`);

let seconds = 8;
let interval_ms = 3000;
let life;
// The job under way or the last one: see `start`.
let job;
let jobs = 0;

await ready;

// ---- The two ways of being told

// Pushed: one subscription that stands all the time.
const pushed = subscribeLane("sse", FEED, { lane: tag("job-pushed") }, (event) => learn("pushed", event));
standing(of("way", "pushed"), () => pushed);

// Polled: as long as a job is under way, as a page would that has nothing else to ask for.
let polled;
standing(of("way", "polled"), () => polled ?? { state: "stopped" });

/** Begins to poll, and resolves once the poller knows where the feed stands. */
function poll() {
  // A job begins at any moment of a poller's interval. Were the polls counted from its beginning, a job
  // of 8 s polled every 3 s would be known 1 s late every time, and one of 9 s anything from 0 to 3 s.
  const phase = Math.random();
  let asked = 0;
  const interval = () => (asked === 1 ? phase * interval_ms : interval_ms);
  return new Promise((stands) => {
    polled = subscribeLane("short-polling", FEED, { lane: tag("job-polled"), interval }, (event) => {
      if (event.kind === "request") asked += 1;
      if (event.kind === "connected") stands();
      learn("polled", event);
    });
  });
}

function learn(way, { kind, message, gap, at }) {
  if (!job?.id || job.over) return;
  if (kind === "empty" && job[way].told_at === undefined) {
    job[way].empty += 1;
    job[way].asked.push(performance.now());
  }
  if (kind === "gap" && gap.reset) lose();
  if (kind !== "received" || message.payload.job !== job.id) return;

  job[way].told_at = at;
  job[way].late_ms = delay(message, at);
  job.took_ms = message.payload.took_ms;
  const late = apart(job[way].late_ms);
  element("status").textContent = fill(way === "pushed" ? words.told_pushed : words.told_polled, { late });
  if (way === "polled") polled.stop();
  notify();
  if (WAYS.every((one) => job[one].told_at !== undefined)) end();
  show();
}

// ---- A job

async function start() {
  element("start").disabled = true;
  element("problem").textContent = "";
  polled?.stop();
  job = undefined;
  await poll();
  try {
    const fresh = { polled: { empty: 0, asked: [] }, pushed: { empty: 0, asked: [] } };
    const { job: id, seconds: takes } = await post("/demo/jobs", { seconds });
    jobs += 1;
    job = { ...fresh, id, takes, number: jobs, interval_ms, began_at: performance.now(), life };
    element("status").textContent = fill(words.running, { seconds: count(takes) });
  } catch (error) {
    polled.stop();
    element("start").disabled = false;
    const full = fill(words.failed.full, { seconds: 5 });
    element("problem").textContent =
      error.status === 503 ? full : fill(common.failed, { error: refusal(error) });
  }
  show();
}

function end() {
  job.over = true;
  element("start").disabled = false;
  element("past-none").hidden = true;
  element("past-jobs").hidden = false;
  const row = element("rows").insertRow(0);
  const cells = [
    count(job.number),
    duration(job.took_ms),
    briefly(job.interval_ms),
    apart(job.polled.late_ms),
    count(job.polled.empty),
    apart(job.pushed.late_ms),
  ];
  for (const cell of cells) {
    const place = row.insertCell();
    place.className = "number";
    place.textContent = cell;
  }
}

/** The server that had the job is no more. */
function lose() {
  job.over = true;
  polled.stop();
  element("start").disabled = false;
  element("status").textContent = words.lost;
}

watch(({ here, state }) => {
  if (!here) return;
  life = state.life;
  if (job && !job.over && job.life && job.life !== life) lose();
});

// ---- Showing it

function show() {
  const now = performance.now();
  element("progress").value = job ? Math.min(1, (now - job.began_at) / (job.takes * 1000)) : 0;
  for (const way of WAYS) {
    const told = job?.[way].told_at;
    const text =
      told !== undefined
        ? fill(words.told, { after: duration(told - job.began_at) })
        : job && !job.over
          ? words.waiting
          : common.absent;
    if (of("told", way).textContent !== text) of("told", way).textContent = text;
    of("told", way).dataset.state = told === undefined ? "waiting" : "told";
    of("late", way).textContent = apart(job?.[way].late_ms);
    of("predicted", way).textContent = way === "polled" ? duration((job?.interval_ms ?? interval_ms) / 2) : duration(0);
    of("empty", way).textContent = job ? count(job[way].empty) : common.absent;
    draw(way, now);
  }
}

/** The bar of a way: the job, each request for nothing, and the moment of being told. */
function draw(way, now) {
  const track = of("track", way);
  if (!job) return;
  // Room for the poll that may come last; from the beginning, so that the marks stay where they are.
  const whole = Math.max(job.takes * 1000 + job.interval_ms * 1.1, now_or_end(now));
  const share = (at) => `${(100 * Math.min(1, (at - job.began_at) / whole)).toFixed(2)}%`;
  const marks = job[way].asked.map((at) => ["asked", at]);
  if (job[way].told_at !== undefined) marks.push(["told", job[way].told_at]);
  track.style.setProperty("--job", share(job.began_at + job.takes * 1000));
  track.style.setProperty("--now", share(job.over ? Infinity : now));
  while (track.children.length > marks.length) track.lastElementChild.remove();
  marks.forEach(([kind, at], place) => {
    const mark = track.children[place] ?? track.appendChild(document.createElement("i"));
    mark.dataset.kind = kind;
    mark.style.setProperty("--at", share(at));
  });
}

const now_or_end = (now) => {
  const told = WAYS.map((way) => job[way].told_at ?? (job.over ? 0 : now));
  return Math.max(...told) - job.began_at;
};

setInterval(() => job && !job.over && show(), 100);

// ---- Notifications, for those who ask for them

const button = element("notify");

button.addEventListener("click", async () => {
  if (!("Notification" in window) || !isSecureContext) {
    element("problem").textContent = words.notify.absent;
    return;
  }
  const granted = (await Notification.requestPermission()) === "granted";
  element("problem").textContent = granted ? words.notify.on : words.notify.denied;
  button.disabled = granted;
});

function notify() {
  if (!button.disabled || job.notified || document.visibilityState === "visible") return;
  job.notified = true;
  new Notification(words.notify.title, { body: fill(words.notify.body, { took: duration(job.took_ms) }) });
}

// ---- Controls

slider(element("seconds"), {
  values: [2, 5, 8, 15, 30, 60, 120],
  value: seconds,
  format: (n) => briefly(n * 1000),
  on: (n) => (seconds = n),
});
slider(element("interval"), {
  values: [500, 1000, 2000, 3000, 5000, 10_000, 30_000],
  value: interval_ms,
  format: briefly,
  on(ms) {
    interval_ms = ms;
    show();
  },
});
element("start").addEventListener("click", start);
show();
