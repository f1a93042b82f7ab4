// Updates the page without reloads. The page also works without this script: forms and links are
// plain HTML, and a reload shows changes.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const parser = new DOMParser();
  let source = null;
  let wordTimer = 0;

  /** Parses the HTML of one element. Its scripts do not run. */
  function element(html) {
    return parser.parseFromString(html, "text/html").body.firstElementChild;
  }

  /** Keeps focus, open details and scroll positions while elements are replaced. */
  function keeping(change) {
    const focused = document.activeElement?.id;
    const places = [...document.querySelectorAll(".scroll")].map((box) => ({
      id: box.id,
      top: box.scrollTop,
      sticks: "stick" in box.dataset && box.scrollHeight - box.scrollTop - box.clientHeight < 48,
    }));
    const open = new Set([...document.querySelectorAll("details[open]")].map((it) => it.id));
    change();
    for (const id of open) byId(id)?.setAttribute("open", "");
    for (const { id, top, sticks } of places) {
      const box = byId(id);
      if (box) box.scrollTop = sticks ? box.scrollHeight : top;
    }
    if (focused && document.activeElement?.id !== focused) {
      byId(focused)?.focus({ preventScroll: true });
    }
  }

  /** Updates a region to the order and pieces from the server. */
  function patch({ region, order, pieces }, isFresh) {
    const box = byId(region);
    if (!box) return;
    const wanted = new Set(order);
    for (const child of [...box.children]) {
      if (!wanted.has(child.id)) child.remove();
    }
    let before = box.firstElementChild;
    for (const id of order) {
      const old = byId(id);
      let piece = old;
      if (id in pieces) {
        const fresh = element(pieces[id]);
        if (!old) {
          piece = fresh;
          if (isFresh) fresh.classList.add("fresh");
        } else if (!same(old, fresh)) {
          if (old === before) before = old.nextElementSibling;
          old.remove();
          piece = fresh;
        }
      }
      if (!piece) continue;
      if (piece === before) before = before.nextElementSibling;
      else box.insertBefore(piece, before);
    }
  }

  /** Whether two elements differ only in open details and in the mark of new elements. */
  function same(old, fresh) {
    const plain = old.cloneNode(true);
    plain.classList.remove("fresh");
    for (const it of [plain, ...plain.querySelectorAll("[open]")]) it.removeAttribute("open");
    return plain.isEqualNode(fresh);
  }

  function listen() {
    source?.close();
    source = new EventSource(document.body.dataset.events);
    let shown = new Set();
    source.addEventListener("open", () => {
      shown = new Set();
      byId("offline").hidden = true;
      delete document.body.dataset.offline;
      document.body.dataset.live = "";
    });
    source.addEventListener("region", (event) => {
      const told = JSON.parse(event.data);
      keeping(() => patch(told, shown.has(told.region)));
      shown.add(told.region);
    });
    source.addEventListener("error", () => {
      delete document.body.dataset.live;
      failed();
    });
  }

  /** Shows a toast. */
  function say({ kind, text }) {
    const word = byId("word");
    word.className = kind;
    word.textContent = text;
    word.hidden = false;
    clearTimeout(wordTimer);
    wordTimer = setTimeout(() => (word.hidden = true), 6000);
  }

  /** Opens another view without losing the draft. */
  async function visit(address, { draft, isBack = false, focus } = {}) {
    const answer = await fetch(address);
    const page = parser.parseFromString(await answer.text(), "text/html");
    const typed = draft ?? (page.getElementById("text").value || byId("text").value);
    const isRich = byId("rich").checked;
    const attachment = byId("attachment").value;
    keeping(() => {
      for (const name of ["pane", "events"]) document.body.dataset[name] = page.body.dataset[name];
      document.documentElement.lang = page.documentElement.lang;
      document.title = page.title;
      document.body.replaceChildren(...page.body.children);
      byId("text").value = typed;
      byId("rich").checked = isRich;
      byId("attachment").value = attachment;
    });
    for (const box of document.querySelectorAll("[data-stick]")) box.scrollTop = box.scrollHeight;
    if (focus) byId(focus)?.focus();
    if (!isBack) history.pushState(null, "", address);
    listen();
  }

  async function send(form, button) {
    const action = button?.getAttribute("formaction") ?? form.getAttribute("action");
    const fields = new URLSearchParams(new FormData(form, button));
    const answer = await fetch(action, {
      method: "POST",
      body: fields,
      headers: { Accept: "application/json" },
    });
    if (answer.status === 200) say(await answer.json());
    else if (!answer.ok) say({ kind: "error", text: `HTTP ${answer.status}` });
    if (!answer.ok || answer.status === 200) return;
    if (form.id === "write") form.reset();
    if (form.id !== "say") return;
    byId("text").value = "";
    byId("attachment").value = "";
    const box = byId("scroll-messages");
    box.scrollTop = box.scrollHeight;
    const noReply = byId("no-reply");
    if (noReply) await visit(noReply.href, { focus: "text" });
    else byId("text").focus();
  }

  /** The page no longer shows the present state. */
  function failed() {
    byId("offline").hidden = false;
    document.body.dataset.offline = "";
  }

  document.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target, event.submitter).catch(failed);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='/']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    if ("draft" in link.dataset) {
      byId("text").value = link.dataset.draft;
      byId("text").focus();
      return;
    }
    const focus = link.hash.slice(1) || undefined;
    visit(link.href, { focus }).catch(failed);
  });

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "text" || event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      byId("say").requestSubmit(byId("send"));
    } else if (event.key === "Escape" && byId("no-reply")) {
      byId("no-reply").click();
    }
  });

  // A browser has six connections for all tabs together, so hidden tabs have none.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source?.close();
    else listen();
  });

  window.addEventListener("popstate", () => {
    visit(location.href, { isBack: true }).catch(failed);
  });

  for (const box of document.querySelectorAll("[data-stick]")) box.scrollTop = box.scrollHeight;
  if (!document.hidden) listen();
})();
