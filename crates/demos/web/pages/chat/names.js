// The names of members in the reader's language.

import { fill } from "../../format.js";
import { words } from "../../page_data.js";

/**
 * Translates a name such as `Quiet Heron`. A name that the server did not make up stays as it is.
 */
export function translateName(name) {
  const [manner, bird, ...more] = name.split(" ");
  const { manners, birds, pattern } = words.names;
  if (more.length > 0 || !manners[manner] || !birds[bird]) return name;
  return fill(pattern, { manner: manners[manner], bird: birds[bird] });
}
