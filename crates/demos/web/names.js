// The names that the server gives those who chat, in the reader's language.

import { fill, words } from "./words.js";

/** `Quiet Heron` as the reader says it. A name that the server did not make up stays as it is. */
export function nameOf(given) {
  const [manner, bird, ...more] = given.split(" ");
  const { manners, birds, pattern } = words.names;
  if (more.length > 0 || !manners[manner] || !birds[bird]) return given;
  return fill(pattern, { manner: manners[manner], bird: birds[bird] });
}
