// Watches whether the server answers, and what state it is in.

import { get } from "./api.js";

const PERIOD_MS = 1000;

const listeners = new Set();
let last = { here: undefined, state: undefined, returned: false };
let timer;
let paused = false;

/**
 * Calls back once a second with `{ here, state, returned }`: whether the server answers, the last
 * answer of `/demo/state`, and whether the server has just come back or was restarted.
 */
export function watchServer(listener) {
  listeners.add(listener);
  if (last.here !== undefined) listener({ ...last, returned: false });
  if (timer === undefined) check();
}

/**
 * Returns the delay of the emulated link, one way, in ms, or `undefined` before the server's first
 * answer.
 */
export const linkDelay = () => last.state?.link_delay_ms;

/**
 * Tells all listeners about a state that another answer contained, without waiting for the next
 * check.
 */
export function reportState(state) {
  report({ here: true, state });
}

/**
 * Stops the checks until `resumeWatching()`. For the page that uses up the browser's connections: a
 * check would wait for a connection, and the server would seem to be away.
 */
export function pauseWatching() {
  paused = true;
}

/** Starts the checks again after `pauseWatching()`. */
export function resumeWatching() {
  if (!paused) return;
  paused = false;
  check();
}

async function check() {
  clearTimeout(timer);
  timer = null;
  let found;
  try {
    found = { here: true, state: await get("/demo/state") };
  } catch {
    found = { here: false, state: last.state };
  }
  if (paused) return;
  report(found);
  timer = setTimeout(check, PERIOD_MS);
}

function report({ here, state }) {
  const returned =
    here && last.here !== undefined && (!last.here || state.life !== last.state?.life);
  last = { here, state, returned };
  for (const listener of listeners) listener(last);
}
