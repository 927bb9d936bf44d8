// Fetches what the server has recorded for this tab, and decodes it.

import { get, ServerError } from "../../server/api.js";
import { tab } from "../../server/tab.js";
import { WireDecoder } from "../../wire/decoder.js";

const PERIOD_MS = 500;

/** The number of records in a full response of the server: there may be more. */
const FULL_RESPONSE = 250;

export class Recording {
  #listeners;
  #decoder = new WireDecoder();
  #after = 0;
  #lost = 0;

  /**
   * @param {{onUnits: (units: object[]) => void, onLoss: (lost: number) => void, onBusy: () =>
   *   void}} listeners `onLoss` is called with the number of records that were dropped, `onBusy` if
   *   the server records as many tabs as it can
   */
  constructor(listeners) {
    this.#listeners = listeners;
  }

  /** Starts to ask for records. Resolves after the first answer. */
  async start() {
    let more = false;
    try {
      more = await this.#fetch();
    } catch (error) {
      if (error instanceof ServerError && error.status === 503) this.#listeners.onBusy();
      // Otherwise the server is away, which the notice at the top of the page says.
    }
    setTimeout(() => this.start(), more ? 0 : PERIOD_MS);
  }

  clearLosses() {
    this.#lost = 0;
  }

  /** Fetches records. Returns true if there are more. */
  async #fetch() {
    const { next, dropped, records } = await get(`/demo/wire/${tab}?after=${this.#after}`);
    if (dropped > 0 && this.#after > 0) {
      this.#lost += dropped;
      this.#decoder.forget();
      this.#listeners.onLoss(this.#lost);
    }
    // A restarted server numbers records and connections from 1.
    if (next < this.#after || records[0]?.n <= this.#after) this.#decoder.forget();
    this.#after = next;
    this.#listeners.onUnits(records.flatMap((record) => this.#decoder.add(record)));
    return records.length >= FULL_RESPONSE;
  }
}
