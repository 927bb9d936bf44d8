// Chat room: everybody on a transport of their choice.
//
// What one hears is a lane on the feed `chat`. What one says goes up as the transport goes up: in a frame
// over the socket, in a request of its own otherwise.

import { apart } from "../apart.js";
import { hearing, ledger, saying } from "../chat_costs.js";
import { bubble, mark, messageList, notice, remark } from "../chat_messages.js";
import { lane as subscribeLane } from "../lane.js";
import { nameOf } from "../names.js";
import { refusal } from "../refusal.js";
import { lane as tag, post, watch } from "../server.js";
import { delay, local_ms, ready } from "../server_clock.js";
import { slider } from "../slider.js";
import { standing } from "../standing.js";
import { backOff } from "../transport/back_off.js";
import { publish } from "../transport/publish.js";
import { briefly, common, duration, fill, language, words } from "../words.js";

const HERE_MS = 10_000;
const CONFIRMED_WITHIN_MS = 10_000;

const element = (id) => document.getElementById(id);
const text = element("text");
const send = element("send");
const problem = element("problem");

const messages = messageList(element("messages"), element("newer"));
const costs = ledger(element("cost-up"), element("cost-down"));

const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" });
const chosen = () => document.querySelector("input[name='transport']:checked").value;

// ---- Who we are

// Every id that the server gave this tab: what was said under an earlier one is one's own as well.
const members = new Set(JSON.parse(sessionStorage.getItem("members") ?? "[]"));
let me;
let joined_at;
let joining = false;

async function join() {
  if (joining) return;
  joining = true;
  me = undefined;
  const wait = backOff();
  while (!me) {
    try {
      joined_at = performance.now();
      me = await post("/demo/chat/join", { over: chosen() });
    } catch (error) {
      problem.textContent = error.status === 503 ? words.problem.full : words.problem.joining;
      await new Promise((done) => setTimeout(done, wait.next()));
    }
  }
  joining = false;
  members.add(me.member);
  sessionStorage.setItem("members", JSON.stringify([...members]));
  element("name").textContent = nameOf(me.name);
  problem.textContent = "";
  mayBeSent();
  showPresent();
}

async function here() {
  if (!me) return;
  try {
    await post("/demo/chat/here", { member: me.member });
  } catch (error) {
    // Taken for gone, or never known to this life of the server.
    if (error.status === 404) join();
  }
}

setInterval(here, HERE_MS);
let life;
watch(({ here: there, state, returned }) => {
  if (!there) return;
  // Another life of the server has never heard of us; the same one may have taken us for gone.
  if (life && state.life !== life) join();
  else if (returned) here();
  life = state.life;
});

addEventListener("pagehide", () => {
  if (me) navigator.sendBeacon("/demo/chat/leave", JSON.stringify({ member: me.member }));
});

// ---- Who is there, as far as the join and leave notices tell

const present = new Map();

function showPresent() {
  const names = [...present].map(([member, given]) => {
    const name = nameOf(given);
    return members.has(member) ? fill(words.present_you, { name }) : name;
  });
  const values = { n: names.length, names: new Intl.ListFormat(language).format(names) };
  element("present").textContent = names.length > 0 ? fill(words.present, values) : "";
}

// ---- Hearing

let heard;
// Where the next transport goes on; at first, before everything that the feed still has.
let cursor = "start";
let interval_ms = 1000;

function listen() {
  const transport = chosen();
  heard?.stop();
  element("interval-field").hidden = transport !== "short-polling";
  const options = { after: cursor, lane: tag(hearing(transport)), interval: () => interval_ms };
  heard = subscribeLane(transport, "chat", options, follow);
  stand();
}

function follow(event) {
  if (event.kind === "received") {
    cursor = event.cursor;
    costs.heard(chosen());
    understand(event);
  } else if (event.kind === "gap") {
    cursor = event.cursor;
    if (event.gap.reset) present.clear();
    arrive(event.gap.reset ? notice("reset", words.reset) : notice("gap", fill(words.gap, { n: event.gap.missed })));
  } else if (event.kind === "connected") {
    // Only from here on is what comes news; the history would be read out from its beginning.
    setTimeout(() => element("messages").setAttribute("aria-live", "polite"), 1000);
  }
}

function understand({ message, at }) {
  const { kind, member, name: given, over } = message.payload;
  const name = nameOf(given);
  if (kind === "join") present.set(member, given);
  if (kind === "leave") present.delete(member);
  if (kind !== "say") showPresent();

  switch (kind) {
    case "say":
      hear(message, at);
      break;
    case "join":
      arrive(notice("join", fill(words.join, { name, over: common.transport_in_text[over] ?? over })));
      break;
    case "leave":
      arrive(notice("leave", fill(words.leave, { name })));
      break;
    default:
    // A later version of the server may say more than this page knows.
  }
}

// What was heard already, by member and id: someone who was not sure may have sent it again.
const known = new Set();

function time(message) {
  const at = local_ms(message.published_ns);
  return at === undefined ? common.absent : clock.format(new Date(performance.timeOrigin + at));
}

/** Adds what came, above what is still on its way up. */
function arrive(item) {
  const [first] = pending.values();
  messages.arrive(item, first);
}

function hear(message, at) {
  const { member, name, over, id, text: said } = message.payload;
  const key = `${member} ${id}`;
  if (known.has(key)) return;
  known.add(key);

  const own = members.has(member);
  const waiting = own && (pending.get(id) ?? refused.get(id));
  if (waiting) {
    // One's own words come back: they take the place that everybody else sees them in.
    pending.delete(id);
    refused.delete(id);
    if (waiting.dataset.state !== "confirmed") {
      mark(waiting, "confirmed", fill(words.confirmed_arrived, { time: time(message) }));
    }
    arrive(waiting);
    return;
  }
  const item = bubble({ own, name: nameOf(name), over, said, state: "confirmed" });
  const earlier = local_ms(message.published_ns) < joined_at;
  // One's own, from before this page was loaded anew, needs no more than its time.
  const entry = own ? "{time}" : earlier ? words.history : words.arrived;
  remark(item, fill(entry, { time: time(message), delay: apart(delay(message, at)) }));
  arrive(item);
}

// ---- Saying

// What one said and has not heard yet, by id. It stands below everything that came.
const pending = new Map();
// What was not confirmed: the server may have it all the same, and only its answer may have been lost.
const refused = new Map();

const random_id = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");

function mayBeSent() {
  send.disabled = !me || text.value.trim() === "";
  if (problem.textContent === words.problem.empty) problem.textContent = "";
}

function say() {
  if (!me) return;
  const said = text.value.trim();
  if (said === "") {
    // The button is off, and Enter is not: it says why nothing happens.
    problem.textContent = words.problem.empty;
    return;
  }
  text.value = "";
  mayBeSent();
  const id = random_id();
  const item = bubble({ own: true, name: me.name, over: chosen(), said, state: "sending" });
  deliver(item, id, said);
}

async function deliver(item, id, said) {
  pending.set(id, item);
  mark(item, "sending", words.sending);
  messages.say(item);
  const transport = chosen();
  const payload = { kind: "say", member: me?.member, name: me?.name, over: transport, id, text: said };
  const sent = performance.now();
  try {
    const published = await within(upstream(transport, payload));
    const took_ms = performance.now() - sent;
    costs.said(transport, { payload, cursor: published, took_ms });
    // It may have come down before the answer to it did, and this says more.
    const now = clock.format(new Date());
    mark(item, "confirmed", fill(words.confirmed, { time: now, delay: duration(took_ms) }));
  } catch (error) {
    if (item.dataset.state === "confirmed") return;
    // It stays where it is, and what comes next comes below it.
    pending.delete(id);
    refused.set(id, item);
    const again = () => deliver(item, id, said);
    messages.change(() => mark(item, "refused", fill(words.refused, { error: told(error) }), again));
    // Perhaps the server does not know us any more.
    here();
  }
}

function upstream(transport, payload) {
  if (transport === "websocket") return heard.publish(payload);
  return publish("chat", payload, tag(saying(transport)));
}

/** An answer that does not come is one, too. */
function within(answer) {
  return new Promise((resolve, reject) => {
    const seconds = CONFIRMED_WITHIN_MS / 1000;
    const late = Object.assign(new Error("unconfirmed"), { why: "unconfirmed", seconds });
    setTimeout(() => reject(late), CONFIRMED_WITHIN_MS);
    answer.then(resolve, reject);
  });
}

/** Why a message was not sent, in the reader's language. */
function told(error) {
  const known = words.problem[error.why];
  return known ? fill(known, error) : refusal(error, words.problem);
}

send.addEventListener("click", say);
text.addEventListener("input", mayBeSent);
text.addEventListener("keydown", (event) => {
  // While Chinese is being composed, Enter chooses a word and does not send.
  if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  say();
});

// ---- To begin with

slider(element("interval"), {
  values: [500, 1000, 2000, 5000, 10_000],
  value: interval_ms,
  format: briefly,
  on: (ms) => (interval_ms = ms),
});
for (const choice of document.querySelectorAll("input[name='transport']")) {
  choice.addEventListener("change", listen);
}
const stand = standing(element("state"), () => heard);
mayBeSent();

// The times of the history can be told once the server's clock is known.
await ready;
await join();
listen();
