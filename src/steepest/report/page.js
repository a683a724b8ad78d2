"use strict";

for (const host of document.querySelectorAll("[data-plot]")) {
  const spec = JSON.parse(document.getElementById(host.dataset.plot).textContent);
  vegaEmbed(host, spec, {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true, // expressions are interpreted, so that the page needs no permission to evaluate code
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  }).catch((error) => {
    host.textContent = "This plot could not be drawn: " + error.message;
  });
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let node = target; node; node = node.parentElement) {
    if (node instanceof HTMLDetailsElement) node.open = true;
  }
  target.scrollIntoView({ block: "center" });
}

window.addEventListener("hashchange", reveal);
if (location.hash) reveal();
