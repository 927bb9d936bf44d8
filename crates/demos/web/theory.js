// What theory predicts: the laws of crates/measure/src/theory.rs, for one subscriber of a feed whose
// messages come at random times. All times in ms; `null` where no law applies.
//
// d: link delay one way, P: poll interval, H: hold, λ: messages per ms, R = 2d: the deaf time of a long
// poll, from one answer of the server to the arrival of the next request.

/** What an answer to a poll holds at most, and what a message is besides its payload. */
const ANSWER_BYTES = 2 ** 20;
const ENVELOPE_BYTES = 55;

/** Mean delivery delay, HTTP requests per message and share of empty answers. */
export function predict(transport, { rate, payload_bytes, link_ms: d, interval_ms, hold_ms }) {
  const lambda = rate / 1000;
  const in_an_answer = ANSWER_BYTES / (payload_bytes + ENVELOPE_BYTES);
  switch (transport) {
    case "short-polling":
      // More is published than the polls can carry: the delay grows for ever.
      if (lambda * interval_ms > in_an_answer) return none;
      return shortPolling(lambda, d, interval_ms);
    case "long-polling":
      return longPolling(lambda, d, hold_ms);
    default:
      // Pushed: a message takes the way down and waits for nothing.
      return { mean_ms: d, requests_per_message: 0, empty_ratio: null };
  }
}

const none = { mean_ms: null, requests_per_message: null, empty_ratio: null };

function shortPolling(lambda, d, P) {
  // The next poll would be due before the answer to the last one: the loop throttles itself.
  if (P <= 2 * d) return none;
  return {
    // The way up is not in it: polls arrive every P, whatever d is.
    mean_ms: P / 2 + d,
    requests_per_message: 1 / (lambda * P),
    empty_ratio: Math.exp(-lambda * P),
  };
}

function longPolling(lambda, d, H) {
  const R = 2 * d;
  // Messages that come in a deaf time, and messages in an answer.
  const m = lambda * R;
  const batch = m + Math.exp(-m) * (1 - Math.exp(-lambda * H));
  return {
    mean_ms: d + (R / 2) * Math.min(1, m / batch),
    requests_per_message: 1 / batch,
    empty_ratio: Math.exp(-lambda * (R + H)),
  };
}
