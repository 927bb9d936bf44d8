// This page's membership in the chat: joining, staying, leaving.

import { byId } from "../../elements.js";
import { words } from "../../page_data.js";
import { post } from "../../server/api.js";
import { watchServer } from "../../server/status.js";
import { backOff } from "../../transport/back_off.js";
import { translateName } from "./names.js";

/**
 * How often the page says that it is still there. The server removes members after 25 s of silence.
 */
const KEEP_ALIVE_MS = 10_000;

export class Membership {
  /** The present membership, { member, name }. `undefined` while the page is joining. */
  me = undefined;
  /** When the page joined (performance.now()). */
  joined_at = undefined;

  /**
   * Every id that the server gave this tab: messages under an earlier id are own messages as well.
   */
  #own_ids = new Set(JSON.parse(sessionStorage.getItem("members") ?? "[]"));
  #transport;
  #onChange;
  #joining = false;

  /**
   * @param {() => string} transport the transport to join with
   * @param {() => void} onChange called when the page has joined
   */
  constructor(transport, onChange) {
    this.#transport = transport;
    this.#onChange = onChange;
    setInterval(() => this.keepAlive(), KEEP_ALIVE_MS);
    this.#rejoinAfterRestarts();
    addEventListener("pagehide", () => {
      if (!this.me) return;
      navigator.sendBeacon("/demo/chat/leave", JSON.stringify({ member: this.me.member }));
    });
  }

  isOwn(member) {
    return this.#own_ids.has(member);
  }

  /** Joins the chat, trying until the server lets the page in. */
  async join() {
    if (this.#joining) return;
    this.#joining = true;
    this.me = undefined;
    const wait = backOff();
    while (!this.me) {
      try {
        this.joined_at = performance.now();
        this.me = await post("/demo/chat/join", { over: this.#transport() });
      } catch (error) {
        const problem = error.status === 503 ? words.problem.full : words.problem.joining;
        byId("problem").textContent = problem;
        await new Promise((resolve) => setTimeout(resolve, wait.next()));
      }
    }
    this.#joining = false;
    this.#own_ids.add(this.me.member);
    sessionStorage.setItem("members", JSON.stringify([...this.#own_ids]));
    byId("name").textContent = translateName(this.me.name);
    byId("problem").textContent = "";
    this.#onChange();
  }

  /**
   * Tells the server that the page is still there, and joins again if the server has removed it.
   */
  async keepAlive() {
    if (!this.me) return;
    try {
      await post("/demo/chat/here", { member: this.me.member });
    } catch (error) {
      if (error.status === 404) this.join();
    }
  }

  #rejoinAfterRestarts() {
    let life;
    watchServer(({ here, state, returned }) => {
      if (!here) return;
      // A restarted server does not know this member. The same one may have removed it.
      if (life && state.life !== life) this.join();
      else if (returned) this.keepAlive();
      life = state.life;
    });
  }
}
