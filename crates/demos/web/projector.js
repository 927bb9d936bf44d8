// Projector mode: large letters, one idea a screen, and space for the next.
//
// A screen is the heading with its sentence, an element of the page with `data-slide`, an item of a
// list with `data-each`, or what is between these. Templates mark them. What a screen does not show
// has `data-off`, so nothing of the page is moved or stopped.

import { byId, make } from "./elements.js";
import { count, fill } from "./format.js";
import { common } from "./page_data.js";

const words = common.projector;

/** The mode lasts from page to page, until it is ended or the tab is closed. */
const KEY = "projector";

/** What keeps its keys once Tab has reached it. */
const CONTROLS = "a, button, summary, input, select, textarea";
const TEXT_FIELDS = "input[type='text'], textarea, select";

/** Returns the screens of the page: for each the elements that are shown, and the item of its list. */
function findScreens(main) {
  const screens = [];
  let rest = [];
  const close = () => {
    if (rest.some((element) => element.checkVisibility())) screens.push({ shown: rest });
    rest = [];
  };
  for (const child of main.children) {
    const list = child.matches("[data-each]") ? child : child.querySelector("[data-each]");
    if (list || child.matches("[data-slide]")) close();
    if (list) for (const item of list.children) screens.push({ shown: [child], list, item });
    else rest.push(child);
    if (child.matches("[data-slide], .lead")) close();
  }
  close();
  return screens;
}

class Projector {
  #main = byId("main");
  #button = byId("projector");
  #screens = [];
  #at = 0;
  /** The focus is where the mouse has put it: the presenter still expects the next screen. */
  #was_clicked = true;
  #place = make("span", { className: "number", role: "status" });
  #bar;

  constructor() {
    this.#bar = this.#makeBar();
    this.#button.hidden = false;
    this.#button.addEventListener("click", () => this.start());
    document.addEventListener("pointerdown", () => {
      this.#was_clicked = true;
    });
    document.addEventListener("keydown", (event) => this.#press(event));
    if (sessionStorage.getItem(KEY)) this.start();
  }

  get is_on() {
    return document.documentElement.hasAttribute("data-projector");
  }

  start() {
    sessionStorage.setItem(KEY, "on");
    this.#screens = findScreens(this.#main);
    document.documentElement.toggleAttribute("data-projector", true);
    document.body.append(this.#bar);
    document.activeElement.blur();
    this.#show(0);
  }

  end() {
    sessionStorage.removeItem(KEY);
    document.documentElement.removeAttribute("data-projector");
    for (const off of document.querySelectorAll("[data-off]")) off.removeAttribute("data-off");
    this.#bar.remove();
    this.#button.focus();
  }

  /** Shows the next screen. After the last one, goes to the next page. */
  next() {
    if (this.#at + 1 < this.#screens.length) {
      this.#show(this.#at + 1);
      return;
    }
    const here = document.querySelector(".site-pages a[aria-current]")?.closest("li");
    const next = here ? here.nextElementSibling : document.querySelector(".site-pages li");
    next?.querySelector("a").click();
  }

  previous() {
    this.#show(Math.max(0, this.#at - 1));
  }

  #show(at) {
    this.#at = at;
    const { shown, list, item } = this.#screens[at];
    for (const child of this.#main.children) {
      child.toggleAttribute("data-off", !shown.includes(child));
    }
    for (const one of list?.children ?? []) one.toggleAttribute("data-off", one !== item);
    const values = { n: count(at + 1), all: count(this.#screens.length) };
    this.#place.textContent = fill(words.place, values);
    scrollTo(0, 0);
  }

  #press(event) {
    if (!this.is_on || event.ctrlKey || event.altKey || event.metaKey) return;
    const { target, key, shiftKey } = event;
    if (document.querySelector("dialog[open]")) return;
    if (key === "Escape") {
      this.end();
      return;
    }
    if (key === "Tab") this.#was_clicked = false;
    if (this.#keepsKey(target, key)) return;
    const back = key === "ArrowLeft" || key === "PageUp" || (key === " " && shiftKey);
    const on = key === "ArrowRight" || key === "PageDown" || key === " ";
    if (!back && !on) return;
    event.preventDefault();
    document.activeElement.blur();
    if (back) this.previous();
    else this.next();
  }

  /** Returns true if the key is for the control that has the focus. */
  #keepsKey(target, key) {
    if (target.matches(TEXT_FIELDS)) return true;
    if (target.matches("input[type='range']") && key.startsWith("Arrow")) return true;
    return !this.#was_clicked && target.matches(CONTROLS);
  }

  #makeBar() {
    const button = (text, label, act) => {
      const made = make("button", { type: "button", "aria-label": label, title: label }, text);
      made.addEventListener("click", act);
      return made;
    };
    const parts = [
      button("‹", words.previous, () => this.previous()),
      this.#place,
      button("›", words.next, () => this.next()),
      button("×", words.end, () => this.end()),
    ];
    const label = { className: "projector-bar", role: "toolbar", "aria-label": words.button };
    return make("div", label, ...parts);
  }
}

new Projector();
