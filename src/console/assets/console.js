// Keeps the part of a page that changes up to date. Every page also works without this script.
"use strict";

(() => {
  const box = document.getElementById("live");
  const url = box?.dataset.live;
  if (!url || !window.EventSource) return;
  const chinese = document.documentElement.lang.startsWith("zh");
  const parser = new DOMParser();
  let source = null;
  let shown = box.innerHTML;
  let waiting = "";

  /** Replaces the content, and keeps open details, the focus and scroll positions. */
  function show(html) {
    const fresh = parser.parseFromString(html, "text/html").body;
    if (fresh.innerHTML === shown) return;
    // An element that is being pressed is not taken away.
    if (box.querySelector(":active")) {
      waiting = html;
      return;
    }
    shown = fresh.innerHTML;
    const open = [...box.querySelectorAll("details")].map((it) => it.open);
    const scrolled = [...box.querySelectorAll(".wide")].map((it) => it.scrollLeft);
    const active = document.activeElement;
    const links = [...box.querySelectorAll("a, button, summary, [tabindex]")];
    const focused = links.indexOf(active);
    box.replaceChildren(...fresh.childNodes);
    [...box.querySelectorAll("details")].forEach((it, at) => { it.open = open[at] ?? false; });
    [...box.querySelectorAll(".wide")].forEach((it, at) => { it.scrollLeft = scrolled[at] ?? 0; });
    if (focused >= 0) {
      const now = [...box.querySelectorAll("a, button, summary, [tabindex]")];
      now[focused]?.focus({ preventScroll: true });
    }
  }

  document.addEventListener("pointerup", () => setTimeout(() => {
    if (waiting) show(waiting);
    waiting = "";
  }));

  function start() {
    source = new EventSource(url);
    source.addEventListener("content", (event) => {
      document.body.dataset.live = "";
      show(event.data);
    });
  }

  function stop() {
    source?.close();
    source = null;
    delete document.body.dataset.live;
  }

  const row = document.createElement("p");
  row.className = "live";
  const label = document.createElement("label");
  const check = document.createElement("input");
  check.type = "checkbox";
  check.checked = true;
  check.addEventListener("change", () => (check.checked ? start() : stop()));
  label.append(check, chinese ? "自动更新" : "Update automatically");
  row.append(label);
  box.before(row);
  // A page in the background costs the bot nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop();
    else if (check.checked && !source) start();
  });
  start();
})();
