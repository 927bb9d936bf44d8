// Says in the reader's language why a request failed.

import { fill } from "../format.js";
import { common } from "../page_data.js";

/**
 * Returns the reason why a request failed, as part of a sentence. The status chooses the words,
 * because the server's own sentences are English and written for programs. `own` are the words of a
 * page that knows what a status means there. An error without a status means that there was no
 * answer.
 *
 * @param {{status?: number}} error
 * @param {Record<string, string>} [own]
 */
export function errorText({ status }, own = {}) {
  if (status === undefined) return common.request_error.unreachable;
  const words = common.request_error[status] ?? common.request_error.other;
  return own[status] ?? fill(words, { status });
}
