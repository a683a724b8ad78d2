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
  }).then((drawn) => host.dataset.frames && addPlayer(host, drawn.view)).catch((error) => {
    host.textContent = "This plot could not be drawn: " + error.message;
  });
}

function addPlayer(host, view) {
  const button = document.createElement("button");
  let timer = 0;
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = "play";
  };
  const advance = () => {
    const next = view.signal("frame") + 1;
    if (next < Number(host.dataset.frames)) view.signal("frame", next).runAsync();
    else pause();
  };
  button.type = "button";
  button.className = "play";
  button.addEventListener("click", () => {
    if (timer) return pause();
    if (view.signal("frame") + 1 >= Number(host.dataset.frames)) view.signal("frame", 0).runAsync();
    timer = setInterval(advance, 150);
    button.textContent = "pause";
  });
  pause();
  host.append(button);
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
