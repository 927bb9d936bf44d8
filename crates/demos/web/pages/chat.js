// Chat room: each member uses a transport of their choice.
//
// Received messages come over a lane on the feed `chat`. Sent messages go the way of the transport:
// in a frame over its connection, or in a request of their own.

import { byId } from "../elements.js";
import { shortDuration } from "../format.js";
import { deliveryOf, words } from "../page_data.js";
import { clockReady } from "../server/clock.js";
import { laneTag } from "../server/tab.js";
import { slider } from "../slider.js";
import { Lane } from "../subscription/lane.js";
import { showLaneState } from "../subscription/state_text.js";
import { CostTables, receivingLane } from "./chat/costs.js";
import { Inbox } from "./chat/inbox.js";
import { startJoinCode } from "./chat/join_code.js";
import { Membership } from "./chat/membership.js";
import { MessageList } from "./chat/message_list.js";
import { Outbox } from "./chat/outbox.js";

/** Messages of the history are read out only if the reader asks for them. */
const HISTORY_MS = 1000;

const text = byId("text");
const problem = byId("problem");
const transport = () => document.querySelector("input[name='transport']:checked").value;

const list = new MessageList(byId("messages"), byId("newer"));
const costs = new CostTables(byId("cost-up"), byId("cost-down"));
const membership = new Membership(transport, () => {
  enableSending();
  inbox.showPresent();
});
const publish = (payload) => lane.publish(payload);
const outbox = new Outbox({ membership, list, costs, transport, publish });
const inbox = new Inbox({ membership, list, outbox });

// ---- Receiving

let lane;
// Where the next transport continues. At first, before everything that the feed still has.
let cursor = "start";
let interval_ms = 1000;

function subscribe() {
  const over = transport();
  lane?.stop();
  byId("interval-field").hidden = deliveryOf(over) !== "polled";
  const options = {
    after: cursor,
    lane: laneTag(receivingLane(over)),
    interval: () => interval_ms,
  };
  lane = new Lane(over, "chat", options, (event) => handle(event, over));
  showState();
}

function handle(event, over) {
  if (event.cursor) ({ cursor } = event);
  if (event.kind === "received") {
    costs.countReceived(over);
    inbox.receive(event);
  } else if (event.kind === "gap") {
    inbox.noteGap(event.gap);
  } else if (event.kind === "connected") {
    setTimeout(() => list.announceNewMessages(), HISTORY_MS);
  }
}

// ---- Sending

function enableSending() {
  byId("send").disabled = !membership.me || text.value.trim() === "";
  if (problem.textContent === words.problem.empty) problem.textContent = "";
}

function send() {
  if (!membership.me) return;
  const written = text.value.trim();
  if (written === "") {
    // The button is disabled, but Enter is not: say why nothing happens.
    problem.textContent = words.problem.empty;
    return;
  }
  text.value = "";
  enableSending();
  outbox.send(written);
}

byId("send").addEventListener("click", send);
text.addEventListener("input", enableSending);
text.addEventListener("keydown", (event) => {
  // While Chinese is being composed, Enter chooses a word and does not send.
  if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  send();
});

// ---- Start

slider(byId("interval"), {
  values: [500, 1000, 2000, 5000, 10_000],
  value: interval_ms,
  format: shortDuration,
  onChange(ms) {
    interval_ms = ms;
  },
});
for (const choice of document.querySelectorAll("input[name='transport']")) {
  choice.addEventListener("change", subscribe);
}
const showState = showLaneState(byId("state"), () => lane);
startJoinCode();
enableSending();

// The times of the history are known once the server's clock is known.
await clockReady;
await membership.join();
subscribe();
