// The laws of crates/measure/src/theory, for one subscriber of a feed whose messages come at random
// times. A test checks both copies against crates/measure/worked-values.json.
//
// All times are in ms. A value is `null` if no law applies.
//
// d: one-way link delay, P: poll interval, H: hold, λ: messages per ms, R = 2d: the turnaround of a
// long poll, from one response of the server to the arrival of the next request.

/** The size of a poll's response at most, and of a message without its payload. */
const MAX_RESPONSE_BYTES = 2 ** 20;
const ENVELOPE_BYTES = 55;

const UNKNOWN = { mean_ms: null, requests_per_message: null, empty_ratio: null };

/**
 * Predicts the mean delivery delay, the HTTP requests per message and the share of empty responses.
 *
 * @param {"polled" | "held" | "pushed"} delivery how messages reach the subscriber
 * @param {object} settings `rate` in messages per second, `payload_bytes`, `link_ms` one way,
 *   `interval_ms` of polls and `hold_ms` of long polls
 */
export function predict(delivery, { rate, payload_bytes, link_ms: d, interval_ms, hold_ms }) {
  const lambda = rate / 1000;
  const messages_per_response = MAX_RESPONSE_BYTES / (payload_bytes + ENVELOPE_BYTES);
  switch (delivery) {
    case "polled":
      // More is published than the polls can carry: the delay grows without limit.
      if (lambda * interval_ms > messages_per_response) return UNKNOWN;
      return predictPolled(lambda, d, interval_ms);
    case "held":
      return predictHeld(lambda, d, hold_ms);
    case "pushed":
      // A message only takes the way to the subscriber.
      return { mean_ms: d, requests_per_message: 0, empty_ratio: null };
    default:
      return UNKNOWN;
  }
}

function predictPolled(lambda, d, P) {
  // The next poll would be due before the response to the last one: the loop slows itself down.
  if (P <= 2 * d) return UNKNOWN;
  return {
    // The way of the request does not count: polls arrive every P, whatever d is.
    mean_ms: P / 2 + d,
    requests_per_message: 1 / (lambda * P),
    empty_ratio: Math.exp(-lambda * P),
  };
}

function predictHeld(lambda, d, H) {
  const R = 2 * d;
  // The messages of a turnaround, and the messages of a response.
  const m = lambda * R;
  const batch = m + Math.exp(-m) * (1 - Math.exp(-lambda * H));
  return {
    mean_ms: d + (R / 2) * Math.min(1, m / batch),
    requests_per_message: 1 / batch,
    empty_ratio: Math.exp(-lambda * (R + H)),
  };
}
