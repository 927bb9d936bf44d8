// Cuts the connections of this tab, and of no other. Everybody may do that.

import { post } from "./api.js";
import { tab } from "./tab.js";

/** Cuts the lanes of this tab, and for this long every request in them. */
export const cutOwnLanes = (seconds) => post(`/demo/lanes/${tab}/cut`, { seconds });
