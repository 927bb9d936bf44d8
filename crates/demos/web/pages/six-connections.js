// Six connections: streams are opened until one has to wait.
//
// While they stand, a request of this page would wait as well. So nothing here asks the server for
// anything: what is shown comes from the streams themselves, and the look-out for the server is paused.

import { get, lane as tag, pause, resume, tab } from "../server.js";
import { subscribe } from "../transport/mod.js";
import { count, duration, fill, words } from "../words.js";

const PATIENCE_MS = 2000;
const SOCKETS = 20;
/** A browser opens sockets to one address one after another (RFC 6455, section 4.1), and takes its time. */
const SOCKETS_PATIENCE_MS = 15_000;
/** Over HTTP/2 no stream waits; somewhere there must be an end. */
const STREAMS = 20;

const element = (id) => document.getElementById(id);
const root = element("six");

const [navigation] = performance.getEntriesByType("navigation");
const protocol = navigation?.nextHopProtocol ?? "";
root.dataset.protocol = protocol;
const note = (of) => root.querySelector(`[data-note="${of}"]`);
(note(protocol) ?? note("")).hidden = false;

// ---- Slots: one for each stream or socket that was asked for

let slots = [];
// Counts the runs, so that what is left of an earlier one knows that it is over.
let run = 0;

function addSlot(transport, number) {
  const item = document.createElement("li");
  item.dataset.transport = transport;
  const mark = document.createElement("span");
  mark.className = "mark";
  mark.setAttribute("aria-hidden", "true");
  const name = document.createElement("b");
  name.textContent = count(number);
  const said = document.createElement("span");
  const events = document.createElement("span");
  events.className = "note";
  item.append(mark, name, said, events);
  element("slots").append(item);

  const slot = { number, state: "", item, received: 0, stop: () => subscription.stop() };
  /** Resolves once it is open. */
  slot.opens = new Promise((open) => (slot.opened = open));
  slot.enter = (state) => {
    slot.state = item.dataset.state = state;
    said.textContent = words.slot[state];
    show();
  };
  slot.enter("connecting");

  // One lane for all of them: the server then counts on how many connections it came.
  const lane = tag(`six-${transport}`);
  const subscription = subscribe(transport, "clock", { lane }, ({ kind }) => {
    if (kind === "connected") {
      slot.enter("open");
      slot.opened();
    } else if (kind === "closed" && slot.state === "open") {
      slot.enter("away");
      tell(words.log.away, { n: count(number) });
    } else if (kind === "received") {
      slot.received += 1;
      events.textContent = fill(words.events, { n: slot.received });
    }
  });
  slots.push(slot);
  return slot;
}

function show() {
  const open = slots.filter(({ state }) => state === "open").length;
  const stalled = slots.find(({ state }) => state === "waiting");
  root.dataset.open = String(open);
  root.dataset.stalled = stalled ? String(stalled.number) : "";
  element("count").textContent = count(open);
  element("count-of").textContent = fill(words.open_of, { n: count(slots.length) });
  element("close-one").disabled = !stalled;
  element("close-all").disabled = slots.length === 0;
}

function closeAll() {
  run += 1;
  for (const slot of slots) slot.stop();
  slots = [];
  element("slots").replaceChildren();
  element("log").replaceChildren();
  element("nothing").hidden = true;
  show();
}

function tell(entry, values) {
  const line = document.createElement("li");
  line.textContent = fill(entry, values);
  element("log").append(line);
}

const pass = (ms) => new Promise((done) => setTimeout(done, ms));

/** Whether it opens within our patience. */
const opened = (slot, patience_ms) =>
  Promise.race([slot.opens.then(() => true), pass(patience_ms).then(() => false)]);

// ---- What the buttons do

async function openStreams() {
  closeAll();
  pause();
  const mine = run;
  for (let number = 1; number <= STREAMS; number += 1) {
    const slot = addSlot("sse", number);
    const stands = await opened(slot, PATIENCE_MS);
    if (mine !== run) return;
    if (!stands) {
      slot.enter("waiting");
      await explain(slot, mine);
      return;
    }
  }
  tell(words.log.all_open, { n: STREAMS });
  if (protocol !== "h2") tell(words.log.more);
  await tellConnections("six-sse", mine);
}

/** The first that waits, and what else does. */
async function explain(slot, mine) {
  const seconds = count(PATIENCE_MS / 1000);
  tell(words.log.stalled, { open: count(slot.number - 1), n: count(slot.number), seconds });
  if (slot.number < 7) tell(words.log.fewer);
  if (slot.number > 7) tell(words.log.more);

  tell(words.log.fetching);
  const answer = await fetchTime();
  if (mine !== run) return;
  if (answer.late) tell(words.log.fetch_waits, { seconds });
  else if (answer.failed) tell(words.log.fetch_failed);
  else tell(words.log.fetch_answered, { duration: duration(answer.took) });
  if (slot.state === "waiting") tell(words.log.close_hint);
}

/** An ordinary request of this page, given up after a while. */
async function fetchTime() {
  const sent = performance.now();
  try {
    const answer = await fetch("/demo/time", { signal: AbortSignal.timeout(PATIENCE_MS) });
    await answer.text();
    return { took: performance.now() - sent };
  } catch (error) {
    return error.name === "TimeoutError" ? { late: true } : { failed: true };
  }
}

async function closeOne() {
  const mine = run;
  const first = slots.find(({ state }) => state === "open");
  const waiting = slots.find(({ state }) => state === "waiting");
  if (!first || !waiting) return;
  element("close-one").disabled = true;
  first.stop();
  first.item.remove();
  slots = slots.filter((slot) => slot !== first);
  tell(words.log.closing, { n: count(first.number) });
  const closed = performance.now();
  await waiting.opens;
  if (mine !== run) return;
  tell(words.log.waited, { n: count(waiting.number), duration: duration(performance.now() - closed) });
}

async function openSockets() {
  closeAll();
  resume();
  const mine = run;
  for (let number = 1; number <= SOCKETS; number += 1) addSlot("websocket", number);
  const stands = await Promise.all(slots.map((slot) => opened(slot, SOCKETS_PATIENCE_MS)));
  if (mine !== run) return;
  for (const slot of slots) if (slot.state === "connecting") slot.enter("waiting");
  const n = stands.filter(Boolean).length;
  if (n === SOCKETS) tell(words.log.all_open, { n });
  if (protocol !== "h2") tell(words.log.websocket);
  await tellConnections("six-websocket", mine);
}

/** Only where nothing waits: the question takes a connection. */
async function tellConnections(lane, mine) {
  try {
    const { lanes } = await get(`/demo/lanes/${tab}`);
    const n = lanes[lane]?.open_connections;
    if (mine === run && n > 0) tell(words.log.connections, { n });
  } catch {
    // It is not worth a word: the streams themselves say whether they stand.
  }
}

element("open-sse").addEventListener("click", openStreams);
element("open-websocket").addEventListener("click", openSockets);
element("close-one").addEventListener("click", closeOne);
element("close-all").addEventListener("click", () => {
  closeAll();
  resume();
  tell(words.log.closed_all);
});
show();
