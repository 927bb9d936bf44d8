// Claims: the page is complete without this script. It hides the answers until the reader has
// predicted them, and filters the claims by their verdict.

import { byId } from "../elements.js";
import { fill } from "../format.js";
import { words } from "../page_data.js";
import { PredictedClaim } from "./claims/predicted_claim.js";

const filter = byId("filter");
const game = byId("game");
const articles = [...document.querySelectorAll(".claim")];
const claims = articles.map((article) => new PredictedClaim(article, showScore));

function filterBy(verdict) {
  for (const article of articles) {
    article.hidden = verdict !== "" && article.dataset.verdict !== verdict;
  }
  const n = articles.filter((article) => !article.hidden).length;
  byId("shown").textContent = fill(words.shown, { n, all: articles.length });
}

function showScore() {
  const predicted = claims.filter(({ guess }) => guess !== undefined);
  const hits = predicted.filter(({ is_hit }) => is_hit).length;
  const values = { n: predicted.length, hits, all: claims.length };
  byId("score").textContent = fill(
    predicted.length ? words.predict.score : words.predict.none,
    values,
  );
  byId("again").hidden = predicted.length === 0;
}

const mode = () => game.querySelector("input:checked").value;

/** The filter would give the answers away, so there is none while the reader predicts. */
function showMode() {
  const predicts = mode() === "predict";
  for (const claim of claims) claim.play(predicts);
  byId("score-line").hidden = !predicts;
  filter.hidden = predicts;
  filterBy(predicts ? "" : filter.querySelector("input:checked").value);
}

game.addEventListener("change", showMode);
filter.addEventListener("change", showMode);
byId("again").addEventListener("click", () => {
  for (const claim of claims) claim.forget();
  showScore();
});

// Show all claims when a link leads to one that the filter hides.
addEventListener("hashchange", () => {
  const claim = byId(location.hash.slice(1));
  if (!claim?.hidden) return;
  filter.querySelector("input[value='']").checked = true;
  showMode();
  claim.scrollIntoView();
});

game.hidden = false;
// The browser restores earlier choices when the visitor comes back to the page.
showMode();
showScore();
