// What both kinds of polling share: a loop of requests, and the events in their answers.

import { address } from "./address.js";
import { backOff } from "./back_off.js";
import { publish } from "./publish.js";

/**
 * Asks until it is stopped. `turn` waits until the next poll is due and returns its own parameters and
 * how long to wait for the answer; it is told whether this is the first poll since the lane was away.
 */
export function poll(feed, transport, options, on, turn) {
  const stopped = new AbortController();
  let cursor = options.after;
  let connected = false;

  async function ask({ parameters, within }) {
    const path = address(feed, transport, { after: cursor, ...parameters, lane: options.lane });
    on({ kind: "request" });
    // A connection can die without a word; then only this deadline ends the wait.
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(within)]);
    const answer = await fetch(path, { signal });
    const text = await answer.text();
    // Stamped here, before decoding, as on every transport.
    const at = performance.now();
    if (stopped.signal.aborted) return;
    if (!answer.ok) throw Object.assign(new Error("refused"), { status: answer.status });
    if (!connected) {
      connected = true;
      on({ kind: "connected" });
    }
    if (answer.status === 204) {
      cursor = answer.headers.get("Feed-Cursor");
      on({ kind: "empty" });
      return;
    }
    const batch = JSON.parse(text);
    const epoch = batch.cursor.slice(0, batch.cursor.lastIndexOf("-"));
    const first = batch.messages[0]?.seq;
    const start = first ? `${epoch}-${first - 1}` : batch.cursor;
    if (batch.gap) on({ kind: "gap", gap: batch.gap, cursor: start });
    for (const message of batch.messages) {
      on({ kind: "received", message, cursor: `${epoch}-${message.seq}`, at });
    }
    if (batch.messages.length === 0) on({ kind: "empty" });
    // Only now: had the answer broken off, the next poll would ask for all of it again.
    cursor = batch.cursor;
  }

  async function run() {
    const wait = backOff();
    while (!stopped.signal.aborted) {
      try {
        await ask(await turn(!connected, stopped.signal));
        wait.reset();
      } catch (error) {
        if (stopped.signal.aborted) return;
        connected = false;
        const again_ms = wait.next();
        const why = error.status ? "refused" : "unreachable";
        on({ kind: "closed", why, status: error.status, again_ms });
        await sleep(again_ms, stopped.signal);
      }
    }
  }

  run();
  return {
    stop: () => stopped.abort(),
    publish: (payload) => publish(feed, payload, options.lane),
  };
}

/** Waits, or returns early when `signal` says that the lane was stopped. */
export function sleep(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}
