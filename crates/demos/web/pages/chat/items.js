// The items of the message list: messages and notices.

import { make, makeMark } from "../../elements.js";
import { common, words } from "../../page_data.js";

// All texts are set as text and never as HTML, because members can write anything.

/** Returns the name of a transport in a sentence. A later server may know more transports. */
export const transportText = (transport) => common.transport_in_text[transport] ?? transport;

/** Makes the item of a message. */
export function makeMessage({ own, name, over, text, state }) {
  const item = document.createElement("li");
  Object.assign(item.dataset, { kind: "say", own, state, transport: over });
  const author = make("b", {}, own ? words.own : name);
  const transport = make("span", { className: "over" }, transportText(over));
  item.append(
    make("p", { className: "who" }, makeMark(), author, transport),
    make("p", { className: "text" }, text),
    make("p", { className: "remark" }),
  );
  return item;
}

/** Makes the item of a notice: a member has joined or left, or the feed has a gap. */
export function makeNotice(kind, text) {
  return make("li", { "data-kind": kind }, make("p", { className: "text" }, text));
}

/** Sets the state of an own message, its remark, and the action of its button "send again". */
export function setMessageState(item, state, remark, again) {
  item.dataset.state = state;
  item.querySelector(".again")?.remove();
  setRemark(item, remark);
  if (!again) return;
  const button = make("button", { className: "quiet again", type: "button" }, words.again);
  button.addEventListener("click", again);
  item.append(button);
}

/** Sets the line below a message. */
export function setRemark(item, text) {
  item.querySelector(".remark").textContent = text;
}
