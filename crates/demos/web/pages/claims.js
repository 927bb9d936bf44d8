// Claims: the page is whole without a script; this narrows it down to a verdict.

import { fill, words } from "../words.js";

const filter = document.getElementById("filter");
const shown = document.getElementById("shown");
const claims = [...document.querySelectorAll(".claim")];

function show(verdict) {
  for (const claim of claims) claim.hidden = verdict !== "" && claim.dataset.verdict !== verdict;
  const n = claims.filter((claim) => !claim.hidden).length;
  shown.textContent = fill(words.shown, { n, all: claims.length });
}

const chosen = () => filter.querySelector("input:checked").value;

filter.addEventListener("change", () => show(chosen()));

// A link to a claim that the filter hides would lead nowhere.
addEventListener("hashchange", () => {
  const claim = document.getElementById(location.hash.slice(1));
  if (!claim?.hidden) return;
  filter.querySelector("input[value='']").checked = true;
  show("");
  claim.scrollIntoView();
});

filter.hidden = false;
// A browser that comes back to the page puts the choice back that was made before.
show(chosen());
