// The id of this tab, by which the server counts and records its lanes.

/** Eight hexadecimal digits, chosen at random. */
export const tab = Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) =>
  byte.toString(16).padStart(2, "0"),
).join("");

/** Returns the tag of a lane of this tab. `name` may contain `a-z`, `0-9`, `-` and `.`. */
export const laneTag = (name) => `${tab}.${name}`;

/** Returns the name of the lane with this tag. */
export const laneName = (tag) => tag.slice(tag.indexOf(".") + 1);
