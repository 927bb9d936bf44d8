// Times of day in the reader's language.

import { common, language } from "../../page_data.js";
import { localTime } from "../../server/clock.js";

const format = new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" });

export const timeOfDay = (date) => format.format(date);

/** Returns when a message was published, by this device's clock. */
export function publishedAt(message) {
  const at = localTime(message.published_ns);
  return at === undefined ? common.absent : timeOfDay(new Date(performance.timeOrigin + at));
}
