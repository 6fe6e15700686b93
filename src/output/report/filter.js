
"use strict";
(() => {
  const form = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const rows = Array.from(document.querySelectorAll("tbody tr"), (row) => ({
    row,
    text: row.textContent.toLowerCase(),
    states: row.dataset.state.split(" "),
  }));
  const filter = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdict = form.elements.verdict.value;
    const state = form.elements.state.value;
    let count = 0;
    for (const { row, text, states } of rows) {
      const fits = words.every((word) => text.includes(word))
        && (!verdict || row.dataset.verdict === verdict)
        && (!state || states.includes(state));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length} accounts shown`;
  };
  // A link can set the filter: access-review.html#verdict=disable.
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const name of ["words", "verdict", "state"]) {
    form.elements[name].value = wanted.get(name) ?? "";
  }
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  filter();
})();
