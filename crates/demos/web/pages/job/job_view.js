// Shows a job: its progress, how the page learned of its end, and the table of finished jobs.

import { byId, setText } from "../../elements.js";
import { count, duration, fill, shortDuration } from "../../format.js";
import { common, words } from "../../page_data.js";
import { delayText } from "../../server/delay_text.js";
import { linkDelay } from "../../server/status.js";

/** The two ways to learn of the end of a job. */
export const WAYS = ["polled", "pushed"];

/** Returns the element with `data-<key>` for one of the ways. */
export const elementOf = (key, way) => document.querySelector(`[data-${key}="${way}"]`);

/**
 * Shows a job.
 *
 * @param {object} [job] { takes_ms, began_at, interval_ms, over, polled, pushed }; for each way the
 *   times of the empty responses, `empty_at`, and of the message, `told_at`
 * @param {number} interval_ms the poll interval of the next job
 */
export function showJob(job, interval_ms) {
  const now = performance.now();
  byId("progress").value = job ? Math.min(1, (now - job.began_at) / job.takes_ms) : 0;
  const interval = job?.interval_ms ?? interval_ms;
  for (const way of WAYS) {
    showWay(job, way);
    const predicted = linkDelay() + (way === "polled" ? interval / 2 : 0);
    elementOf("predicted", way).textContent = duration(predicted);
    if (job) drawTrack(job, way, now);
  }
}

function showWay(job, way) {
  const told_at = job?.[way].told_at;
  const told = elementOf("told", way);
  setText(told, toldText(job, told_at));
  told.dataset.state = told_at === undefined ? "waiting" : "told";
  elementOf("late", way).textContent = delayText(job?.[way].late_ms);
  elementOf("empty", way).textContent = job ? count(job[way].empty_at.length) : common.absent;
}

function toldText(job, told_at) {
  if (told_at !== undefined) return fill(words.told, { after: duration(told_at - job.began_at) });
  return job && !job.over ? words.waiting : common.absent;
}

/**
 * Draws the bar of a way: the job, each empty response, and the moment at which the page was told.
 */
function drawTrack(job, way, now) {
  const track = elementOf("track", way);
  // There is room for the last poll from the start, so that the marks do not move.
  const whole = Math.max(job.takes_ms + job.interval_ms * 1.1, shownTime(job, now));
  const share = (at) => `${(100 * Math.min(1, (at - job.began_at) / whole)).toFixed(2)}%`;
  const { empty_at, told_at } = job[way];
  const marks = empty_at.map((at) => ["asked", at]);
  if (told_at !== undefined) marks.push(["told", told_at]);
  track.style.setProperty("--job", share(job.began_at + job.takes_ms));
  track.style.setProperty("--now", share(job.over ? Infinity : now));
  while (track.children.length > marks.length) track.lastElementChild.remove();
  marks.forEach(([kind, at], place) => {
    const mark = track.children[place] ?? track.appendChild(document.createElement("i"));
    mark.dataset.kind = kind;
    mark.style.setProperty("--at", share(at));
  });
}

/** Returns the time from the start of a job to its last event, or to now while it runs. */
function shownTime(job, now) {
  const ends = WAYS.map((way) => job[way].told_at ?? (job.over ? 0 : now));
  return Math.max(...ends) - job.began_at;
}

/** Adds a row to the table of finished jobs. */
export function addFinishedJob(job) {
  byId("past-none").hidden = true;
  byId("past-jobs").hidden = false;
  const row = byId("rows").insertRow(0);
  const texts = [
    count(job.number),
    duration(job.took_ms),
    shortDuration(job.interval_ms),
    delayText(job.polled.late_ms),
    count(job.polled.empty_at.length),
    delayText(job.pushed.late_ms),
  ];
  for (const text of texts) {
    const cell = row.insertCell();
    cell.className = "number";
    cell.textContent = text;
  }
}
