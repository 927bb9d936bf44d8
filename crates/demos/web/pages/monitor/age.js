// The age of a sample.

import { serverTime } from "../../server/clock.js";

/** Returns how old a sample is when it arrives, in ms by the server's clock. */
export const sampleAge = (message, at) => serverTime(at) - message.payload.sampled_ns / 1e6;
