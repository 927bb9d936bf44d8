// Six connections: opens streams until one has to wait.
//
// While the streams are open, a request of this page would have to wait as well. So this page asks
// the server for nothing: it shows what the streams say, and pauses the check of the server.

import { byId } from "../elements.js";
import { count, duration, fill } from "../format.js";
import { words } from "../page_data.js";
import { get } from "../server/api.js";
import { pauseWatching, resumeWatching } from "../server/status.js";
import { tab } from "../server/tab.js";
import { Slots } from "./six-connections/slots.js";

/** How long a stream may take to open before it counts as waiting. */
const STREAM_TIMEOUT_MS = 2000;
/** Over HTTP/2 no stream waits, so the number is limited. */
const MAX_STREAMS = 20;

const SOCKETS = 20;
/**
 * A browser opens sockets to one address one after another (RFC 6455, section 4.1), and sessions
 * take turns with their first requests. Both take time.
 */
const SOCKETS_TIMEOUT_MS = 15_000;

/** The connections that most browsers allow to one host. */
const USUAL_LIMIT = 6;

const root = byId("six");
const [navigation] = performance.getEntriesByType("navigation");
const protocol = navigation?.nextHopProtocol ?? "";
root.dataset.protocol = protocol;
const noteFor = (name) => root.querySelector(`[data-note="${name}"]`);
(noteFor(protocol) ?? noteFor("")).hidden = false;

const slots = new Slots(byId("slots"), {
  onChange: showCounts,
  onAway: (number) => log(words.log.away, { n: count(number) }),
});

// Counts the runs, so that what is left of an earlier one can be ignored.
let run = 0;

function showCounts() {
  const stalled = slots.first("waiting");
  root.dataset.open = String(slots.open);
  root.dataset.stalled = stalled ? String(stalled.number) : "";
  byId("count").textContent = count(slots.open);
  byId("count-of").textContent = fill(words.open_of, { n: count(slots.size) });
  byId("close-one").disabled = !stalled;
  byId("close-all").disabled = slots.size === 0;
}

function log(entry, values) {
  const line = document.createElement("li");
  line.textContent = fill(entry, values);
  byId("log").append(line);
}

/** Closes everything, and returns the number of the run that starts. */
function startRun() {
  run += 1;
  slots.closeAll();
  byId("log").replaceChildren();
  byId("nothing").hidden = true;
  return run;
}

// ---- Streams

async function openStreams() {
  const mine = startRun();
  pauseWatching();
  for (let number = 1; number <= MAX_STREAMS; number += 1) {
    const slot = slots.add("sse", number);
    const opened = await slot.opensWithin(STREAM_TIMEOUT_MS);
    if (mine !== run) return;
    if (!opened) {
      slot.enter("waiting");
      await explainStall(slot, mine);
      return;
    }
  }
  log(words.log.all_open, { n: MAX_STREAMS });
  if (protocol !== "h2") log(words.log.more);
  await logConnections("six-sse", mine);
}

/**
 * Explains which stream is the first to wait, and tries whether an ordinary request waits as well.
 */
async function explainStall(slot, mine) {
  const seconds = count(STREAM_TIMEOUT_MS / 1000);
  log(words.log.stalled, { open: count(slot.number - 1), n: count(slot.number), seconds });
  if (slot.number <= USUAL_LIMIT) log(words.log.fewer);
  if (slot.number > USUAL_LIMIT + 1) log(words.log.more);

  log(words.log.fetching);
  const result = await tryFetch();
  if (mine !== run) return;
  if (result.timed_out) log(words.log.fetch_waits, { seconds });
  else if (result.failed) log(words.log.fetch_failed);
  else log(words.log.fetch_answered, { duration: duration(result.took_ms) });
  if (slot.state === "waiting") log(words.log.close_hint);
}

/** Sends an ordinary request, and gives it up after a while. */
async function tryFetch() {
  const sent_at = performance.now();
  try {
    const signal = AbortSignal.timeout(STREAM_TIMEOUT_MS);
    const response = await fetch("/demo/time", { signal });
    await response.text();
    return { took_ms: performance.now() - sent_at };
  } catch (error) {
    return error.name === "TimeoutError" ? { timed_out: true } : { failed: true };
  }
}

async function closeOne() {
  const mine = run;
  const first = slots.first("open");
  const waiting = slots.first("waiting");
  if (!first || !waiting) return;
  byId("close-one").disabled = true;
  slots.remove(first);
  log(words.log.closing, { n: count(first.number) });
  const closed_at = performance.now();
  await waiting.opens;
  if (mine !== run) return;
  const waited = duration(performance.now() - closed_at);
  log(words.log.waited, { n: count(waiting.number), duration: waited });
}

// ---- Sockets

/** Opens sockets over a transport, and logs a remark about them. */
async function openSockets(transport, remark) {
  const mine = startRun();
  resumeWatching();
  const added = Array.from({ length: SOCKETS }, (_, at) => slots.add(transport, at + 1));
  const opened = await Promise.all(added.map((slot) => slot.opensWithin(SOCKETS_TIMEOUT_MS)));
  if (mine !== run) return;
  for (const slot of added) if (slot.state === "connecting") slot.enter("waiting");
  const n = opened.filter(Boolean).length;
  if (n === SOCKETS) log(words.log.all_open, { n });
  if (protocol !== "h2") log(remark);
  await logConnections(`six-${transport}`, mine);
}

/**
 * Logs how many connections the server counts. Only when no stream waits: the request takes one.
 */
async function logConnections(lane, mine) {
  try {
    const { lanes } = await get(`/demo/lanes/${tab}`);
    const n = lanes[lane]?.open_connections;
    if (mine === run && n > 0) log(words.log.connections, { n });
  } catch {
    // The server is away, and the slots show it.
  }
}

byId("open-sse").addEventListener("click", openStreams);
byId("open-websocket").addEventListener("click", () =>
  openSockets("websocket", words.log.websocket),
);
byId("open-socket-io").addEventListener("click", () =>
  openSockets("socket.io", words.log.socket_io),
);
byId("close-one").addEventListener("click", closeOne);
byId("close-all").addEventListener("click", () => {
  startRun();
  resumeWatching();
  log(words.log.closed_all);
});
showCounts();
