// What is received from the feed: messages, and notices of who joins and leaves.

import { byId } from "../../elements.js";
import { fill } from "../../format.js";
import { language, words } from "../../page_data.js";
import { deliveryDelay, localTime } from "../../server/clock.js";
import { delayText } from "../../server/delay_text.js";
import { makeMessage, makeNotice, setMessageState, setRemark, transportText } from "./items.js";
import { translateName } from "./names.js";
import { publishedAt } from "./time.js";

export class Inbox {
  #membership;
  #list;
  #outbox;
  /** The names of the present members by id, as far as the notices tell. */
  #present = new Map();
  /** The messages that were received, by member and id: a member may have sent one again. */
  #received = new Set();

  constructor({ membership, list, outbox }) {
    this.#membership = membership;
    this.#list = list;
    this.#outbox = outbox;
  }

  receive({ message, at }) {
    const { kind, member, name: original, over } = message.payload;
    const name = translateName(original);
    switch (kind) {
      case "say":
        this.#receiveMessage(message, at);
        break;
      case "join":
        this.#present.set(member, name);
        this.#add(makeNotice("join", fill(words.join, { name, over: transportText(over) })));
        this.showPresent();
        break;
      case "leave":
        this.#present.delete(member);
        this.#add(makeNotice("leave", fill(words.leave, { name })));
        this.showPresent();
        break;
      // A later version of the server may publish other kinds as well.
    }
  }

  noteGap({ reset, missed }) {
    if (reset) this.#present.clear();
    const gap = () => makeNotice("gap", fill(words.gap, { n: missed }));
    this.#add(reset ? makeNotice("reset", words.reset) : gap());
  }

  showPresent() {
    const names = [...this.#present].map(([member, name]) =>
      this.#membership.isOwn(member) ? fill(words.present_you, { name }) : name,
    );
    const values = { n: names.length, names: new Intl.ListFormat(language).format(names) };
    byId("present").textContent = names.length > 0 ? fill(words.present, values) : "";
  }

  #add(item) {
    this.#list.addReceived(item, this.#outbox.firstPending);
  }

  #receiveMessage(message, at) {
    const { member, name, over, id, text } = message.payload;
    const key = `${member} ${id}`;
    if (this.#received.has(key)) return;
    this.#received.add(key);

    const own = this.#membership.isOwn(member);
    const waiting = own && this.#outbox.take(id);
    if (waiting) {
      // An own message moves to the place at which everybody sees it.
      if (waiting.dataset.state !== "confirmed") {
        const remark = fill(words.confirmed_arrived, { time: publishedAt(message) });
        setMessageState(waiting, "confirmed", remark);
      }
      this.#add(waiting);
      return;
    }
    const item = makeMessage({ own, name: translateName(name), over, text, state: "confirmed" });
    setRemark(item, this.#remark(message, own, at));
    this.#add(item);
  }

  #remark(message, own, at) {
    const earlier = localTime(message.published_ns) < this.#membership.joined_at;
    // An own message from before the page was reloaded only needs its time.
    const entry = own ? "{time}" : earlier ? words.history : words.arrived;
    const delay = delayText(deliveryDelay(message, at));
    return fill(entry, { time: publishedAt(message), delay });
  }
}
