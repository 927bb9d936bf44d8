// What the server counted of this tab's lanes: requests, connections and bytes, as they were on the wire.

import { get, tab } from "./server.js";

const NAMES = ["requests", "empty", "connections", "bytes_in", "bytes_out"];
const EVERY_MS = 1000;

/**
 * Asks once a second and calls back with a function: the counts of a lane by its name, or `undefined`
 * while the server has not seen it. A server that was restarted counts from zero; the counts here are
 * added up over its lives.
 */
export function watchAccounts(on) {
  const accounts = new Map();

  function enter(name, said) {
    const account = accounts.get(name) ?? { before: {}, last: {} };
    accounts.set(name, account);
    if (NAMES.some((count) => said[count] < (account.last[count] ?? 0))) {
      for (const count of NAMES) {
        account.before[count] = (account.before[count] ?? 0) + account.last[count];
      }
    }
    account.last = said;
  }

  function counts(name) {
    const account = accounts.get(name);
    if (!account) return undefined;
    return Object.fromEntries(
      NAMES.map((count) => [count, (account.before[count] ?? 0) + account.last[count]]),
    );
  }

  async function ask() {
    try {
      const { lanes } = await get(`/demo/lanes/${tab}`);
      for (const [name, said] of Object.entries(lanes)) enter(name, said);
      on(counts);
    } catch {
      // Away. What was counted stays; the line at the top of the page says why it stands still.
    }
    setTimeout(ask, EVERY_MS);
  }
  ask();
}
