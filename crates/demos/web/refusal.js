// What a page says, in the reader's language, of a request that came to nothing.

import { common, fill } from "./words.js";

/**
 * The reason why a request failed, as part of a sentence. The server's own sentences are English and
 * written for programs, so the words are chosen by the status; `own` are those of a page that knows what
 * a status means there. An error without a status, of a browser that reached nobody, is one of `common`.
 *
 * @param {{status?: number}} error
 * @param {Record<string, string>} [own]
 */
export function refusal({ status }, own = {}) {
  if (status === undefined) return common.refusal.unreachable;
  return own[status] ?? fill(common.refusal[status] ?? common.refusal.other, { status });
}
