// What it costs to say something over each transport, and to hear it.

import { watchAccounts } from "./accounts.js";
import { transports } from "./transport/mod.js";
import { bytes, common, count, duration, words } from "./words.js";

/** The lane of what is heard over a transport, and of what is said by POST. */
export const hearing = (transport) => `chat-${transport}`;
export const saying = (transport) => `chat-${transport}-up`;

/** The bytes of a text frame: its header has 2, 4 or 10, depending on the length. */
function frame(content) {
  const { length } = new TextEncoder().encode(JSON.stringify(content));
  return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
}

/** Keeps the tables `up` and `down`, one row for each transport, and returns what enters messages. */
export function ledger(up, down) {
  const accounts = new Map(transports.map((transport) => [transport, open(transport)]));

  function open(transport) {
    return {
      said: 0,
      took_ms: 0,
      heard: 0,
      // What was said over the socket, and the answers: they share its connection with what is heard.
      frames_up: 0,
      frames_down: 0,
      up: row(up, transport),
      down: row(down, transport),
    };
  }

  function show(counts) {
    for (const [transport, account] of accounts) {
      const whole = (value) => bytes(value === undefined ? value : Math.round(value));
      const { said, heard, frames_up, frames_down } = account;
      const each = (value) => (said > 0 && value !== undefined ? value / said : undefined);
      const upstream =
        transport === "websocket"
          ? { requests: 0, bytes_in: frames_up, bytes_out: frames_down }
          : counts(saying(transport));
      const requests = each(upstream?.requests);
      account.up([
        count(said),
        count(requests, Number.isInteger(requests) ? 0 : 1),
        whole(each(upstream?.bytes_in)),
        whole(each(upstream?.bytes_out)),
        duration(each(account.took_ms)),
      ]);

      const downstream = counts(hearing(transport));
      account.down([
        downstream ? count(heard) : common.absent,
        count(downstream?.requests),
        transport.endsWith("-polling") ? count(downstream?.empty) : common.absent,
        whole(downstream && downstream.bytes_in - frames_up),
        whole(downstream && downstream.bytes_out - frames_down),
      ]);
    }
  }

  show(() => undefined);
  watchAccounts(show);

  return {
    /** A message of ours was confirmed. */
    said(transport, { payload, cursor, took_ms }) {
      const account = accounts.get(transport);
      account.said += 1;
      account.took_ms += took_ms;
      if (transport !== "websocket") return;
      // A client's frame is masked, which takes four bytes more.
      account.frames_up += frame({ publish: payload }) + 4;
      account.frames_down += frame({ published: { cursor } });
    },
    /** A message came, whoever said it. */
    heard(transport) {
      accounts.get(transport).heard += 1;
    },
  };
}

/** A row with the name of a transport, and what fills its cells. */
function row(table, transport) {
  const line = table.insertRow();
  line.dataset.transport = transport;
  const head = document.createElement("th");
  head.scope = "row";
  const mark = document.createElement("span");
  mark.className = "mark";
  mark.setAttribute("aria-hidden", "true");
  head.append(mark, common.transport_in_text[transport]);
  line.append(head);
  let cells;
  return (texts) => {
    cells ??= texts.map(() => line.insertCell());
    texts.forEach((text, place) => {
      cells[place].className = "number";
      cells[place].textContent = text;
    });
  };
}
