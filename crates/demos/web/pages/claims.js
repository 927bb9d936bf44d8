// Claims: the page is complete without this script, which filters the claims by their verdict.

import { byId } from "../elements.js";
import { fill } from "../format.js";
import { words } from "../page_data.js";

const filter = byId("filter");
const claims = [...document.querySelectorAll(".claim")];

function show(verdict) {
  for (const claim of claims) claim.hidden = verdict !== "" && claim.dataset.verdict !== verdict;
  const n = claims.filter((claim) => !claim.hidden).length;
  byId("shown").textContent = fill(words.shown, { n, all: claims.length });
}

const chosen = () => filter.querySelector("input:checked").value;

filter.addEventListener("change", () => show(chosen()));

// Show all claims when a link leads to one that the filter hides.
addEventListener("hashchange", () => {
  const claim = byId(location.hash.slice(1));
  if (!claim?.hidden) return;
  filter.querySelector("input[value='']").checked = true;
  show("");
  claim.scrollIntoView();
});

filter.hidden = false;
// The browser restores an earlier choice when the visitor comes back to the page.
show(chosen());
