// What both kinds of polling share: a loop of requests, and the events in their responses.

import { address } from "./address.js";
import { backOff } from "./back_off.js";
import { publish } from "./publish.js";

/**
 * Polls until it is stopped. `nextPoll(first, signal)` waits until the next poll is due, and
 * returns its own parameters and its deadline. `first` is true for the first poll, also after an
 * outage.
 */
export function poll(feed, transport, options, onEvent, nextPoll) {
  const stopped = new AbortController();
  let cursor = options.after;
  let connected = false;

  async function ask({ parameters, deadline_ms }) {
    const path = address(feed, transport, { after: cursor, ...parameters, lane: options.lane });
    onEvent({ kind: "request" });
    // A connection can die without notice. Then only this deadline ends the wait.
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(deadline_ms)]);
    const response = await fetch(path, { signal });
    const text = await response.text();
    // Stamped here, before decoding, as on every transport.
    const at = performance.now();
    if (stopped.signal.aborted) return;
    if (!response.ok) throw Object.assign(new Error("refused"), { status: response.status });
    if (!connected) {
      connected = true;
      onEvent({ kind: "connected" });
    }
    // Only now: had the response broken off, the next poll would ask for all of it again.
    cursor = readResponse(response, text, at, onEvent);
  }

  async function run() {
    const wait = backOff();
    while (!stopped.signal.aborted) {
      try {
        await ask(await nextPoll(!connected, stopped.signal));
        wait.reset();
      } catch (error) {
        if (stopped.signal.aborted) return;
        connected = false;
        const again_ms = wait.next();
        const why = error.status ? "refused" : "unreachable";
        onEvent({ kind: "closed", why, status: error.status, again_ms });
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

/** Calls back with the events of a response, and returns the cursor for the next poll. */
function readResponse(response, text, at, onEvent) {
  if (response.status === 204) {
    onEvent({ kind: "empty" });
    return response.headers.get("Feed-Cursor");
  }
  const { messages, gap, cursor } = JSON.parse(text);
  const epoch = cursor.slice(0, cursor.lastIndexOf("-"));
  const start = messages.length > 0 ? `${epoch}-${messages[0].seq - 1}` : cursor;
  if (gap) onEvent({ kind: "gap", gap, cursor: start });
  for (const message of messages) {
    onEvent({ kind: "received", message, cursor: `${epoch}-${message.seq}`, at });
  }
  if (messages.length === 0) onEvent({ kind: "empty" });
  return cursor;
}

/** Waits. Returns early when `signal` says that the subscription was stopped. */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const abort = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", abort, { once: true });
  });
}
