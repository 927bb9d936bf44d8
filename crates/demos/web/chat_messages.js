// The list of the chat: what its items look like, and how it scrolls.

import { common, fill, words } from "./words.js";

/** As many messages stay on the page; a class that talks for an hour should not slow it down. */
const SHOWN = 500;

function part(name, className, said) {
  const node = document.createElement(name);
  node.className = className;
  // Never innerHTML: what people say is text, whatever it looks like.
  node.textContent = said;
  return node;
}

/** A message that somebody said, or that we are about to say. */
export function bubble({ own, name, over, said, state }) {
  const item = document.createElement("li");
  Object.assign(item.dataset, { kind: "say", own, state, transport: over });
  const mark = part("span", "mark", "");
  mark.setAttribute("aria-hidden", "true");
  const who = part("p", "who", "");
  who.append(mark, part("b", "", own ? words.own : name), part("span", "over", common.transport_in_text[over] ?? over));
  item.append(who, part("p", "text", said), part("p", "remark", ""));
  return item;
}

/** Somebody came or left, or the server has something to say about the feed. */
export function notice(kind, said) {
  const item = document.createElement("li");
  item.dataset.kind = kind;
  item.append(part("p", "text", said));
  return item;
}

/** How it stands with a message of our own, and what there is to say about it. */
export function mark(item, state, said, again) {
  item.dataset.state = state;
  item.querySelector(".again")?.remove();
  remark(item, said);
  if (!again) return;
  const button = part("button", "quiet again", words.again);
  button.type = "button";
  button.addEventListener("click", again);
  item.append(button);
}

/** The line below a message. */
export function remark(item, said) {
  item.querySelector(".remark").textContent = said;
}

/** Makes `list` follow the newest message, unless the reader has scrolled up; then `newer` counts. */
export function messageList(list, newer) {
  // How many messages came below what the reader sees.
  let unseen = 0;
  // What a change of size must restore: a keyboard on a phone takes half of the window.
  let followed = true;
  const atTheEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 40;

  function toTheEnd() {
    list.scrollTop = list.scrollHeight;
    show(0);
  }

  function show(count) {
    unseen = count;
    newer.hidden = unseen === 0;
    newer.textContent = fill(words.newer, { n: unseen });
  }

  list.addEventListener("scroll", () => {
    followed = atTheEnd();
    if (followed && unseen > 0) show(0);
  });
  newer.addEventListener("click", () => {
    toTheEnd();
    list.focus();
  });
  new ResizeObserver(() => followed && toTheEnd()).observe(list);

  return {
    /** Adds what came, before `first`: what we have said and the feed has not yet. */
    arrive(item, first) {
      const follows = atTheEnd();
      list.insertBefore(item, first ?? null);
      if (follows) {
        while (list.children.length > SHOWN) list.firstElementChild.remove();
        toTheEnd();
      } else if (item.dataset.own !== "true") {
        show(unseen + 1);
      }
    },
    /** Adds what we say. Whoever says something wants to see it. */
    say(item) {
      list.append(item);
      toTheEnd();
    },
    /** Changes an item; a reader who was at the end stays at the end. */
    change(how) {
      const follows = atTheEnd();
      how();
      if (follows) toTheEnd();
    },
  };
}
