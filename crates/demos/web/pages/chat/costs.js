// The tables of what it costs to send messages over each transport, and to receive them.

import { make, makeMark } from "../../elements.js";
import { bytes, count, duration } from "../../format.js";
import { common, deliveryOf, transports } from "../../page_data.js";
import { watchLaneCounts } from "../../server/lane_counts.js";
import { publishesInFrames } from "../../transport/mod.js";

/** The lane of what is received over a transport, and of what is sent beside it by `POST`. */
export const receivingLane = (transport) => `chat-${transport}`;
export const sendingLane = (transport) => `chat-${transport}-up`;

/** Returns the size of a text frame. Its header has 2, 4 or 10 bytes, depending on the length. */
function frameSize(text) {
  const { length } = new TextEncoder().encode(text);
  return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
}

/** The bytes of the mask of a frame from the browser. */
const MASK_BYTES = 4;

export class CostTables {
  #costs;

  /** Fills the tables `up` and `down`, with a row for each transport. */
  constructor(up, down) {
    const costs = transports.map(({ name }) => [name, new TransportCost(name, up, down)]);
    this.#costs = new Map(costs);
    this.#show(() => undefined);
    watchLaneCounts((countsOf) => this.#show(countsOf));
  }

  countReceived(transport) {
    this.#costs.get(transport).received += 1;
  }

  countConfirmed(transport, confirmation) {
    this.#costs.get(transport).countConfirmed(confirmation);
  }

  #show(countsOf) {
    for (const cost of this.#costs.values()) cost.show(countsOf);
  }
}

/** What messages over one transport have cost so far. */
class TransportCost {
  received = 0;

  #transport;
  #sent = 0;
  #took_ms = 0;
  /**
   * Own frames and their confirmations, in bytes: they share the connection with what is received.
   */
  #frames = { n: 0, up: 0, down: 0 };
  #up;
  #down;

  constructor(transport, up, down) {
    this.#transport = transport;
    this.#up = makeRow(up, transport);
    this.#down = makeRow(down, transport);
  }

  countConfirmed({ frames, took_ms }) {
    this.#sent += 1;
    this.#took_ms += took_ms;
    if (!frames) return;
    this.#frames.n += 1;
    this.#frames.up += frameSize(frames.up) + MASK_BYTES;
    this.#frames.down += frameSize(frames.down);
  }

  show(countsOf) {
    const { requests, up, down } = this.#perSent(countsOf);
    showRow(this.#up, [
      count(this.#sent),
      count(requests, Number.isInteger(requests) ? 0 : 1),
      wholeBytes(up),
      wholeBytes(down),
      duration(ratio(this.#took_ms, this.#sent)),
    ]);

    const received = countsOf(receivingLane(this.#transport));
    const polls = deliveryOf(this.#transport) !== "pushed";
    showRow(this.#down, [
      received ? count(this.received) : common.absent,
      count(received?.requests),
      polls ? count(received?.empty) : common.absent,
      wholeBytes(received && received.bytes_in - this.#frames.up),
      wholeBytes(received && received.bytes_out - this.#frames.down),
    ]);
  }

  /** Returns the requests and the bytes for each message that was sent. */
  #perSent(countsOf) {
    if (publishesInFrames(this.#transport)) {
      // A message without a frame took a request, whose bytes count as receiving.
      const { n, up, down } = this.#frames;
      return {
        requests: ratio(this.#sent - n, this.#sent),
        up: ratio(up, n),
        down: ratio(down, n),
      };
    }
    const { requests, bytes_in, bytes_out } = countsOf(sendingLane(this.#transport)) ?? {};
    const perSent = (value) => ratio(value, this.#sent);
    return { requests: perSent(requests), up: perSent(bytes_in), down: perSent(bytes_out) };
  }
}

const ratio = (value, n) => (n > 0 && value !== undefined ? value / n : undefined);

const wholeBytes = (value) => bytes(value === undefined ? undefined : Math.round(value));

function makeRow(table, transport) {
  const row = table.insertRow();
  row.dataset.transport = transport;
  row.append(make("th", { scope: "row" }, makeMark(), common.transport_in_text[transport]));
  return row;
}

function showRow(row, texts) {
  texts.forEach((text, place) => {
    // The first cell has the name of the transport.
    const cell = row.cells[place + 1] ?? row.insertCell();
    cell.className = "number";
    cell.textContent = text;
  });
}
