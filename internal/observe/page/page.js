"use strict";

// The page without this file is complete, and reloads itself. This file shows changes
// as they come, and sends the actions of the buttons.
(() => {
  const token = document.querySelector("meta[name=token]")?.content ?? "";
  const search = document.getElementById("q");
  const said = document.getElementById("said");
  const shown = new Map();
  let stream = null;
  let retry = 0;

  // replace sets the content of a part. The focus stays on the element with the same
  // id, and tables stay scrolled.
  function replace(part, html) {
    if (shown.get(part.id) === html) return;
    shown.set(part.id, html);
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = [...part.querySelectorAll(".scroll")].map(e => e.scrollLeft);
    part.innerHTML = html;
    part.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = scrolled[i] ?? 0; });
    if (focused) document.getElementById(focused)?.focus({preventScroll: true});
  }

  function listen() {
    stream?.close();
    clearTimeout(retry);
    if (document.hidden) return;
    const from = new EventSource("/events?q=" + encodeURIComponent(search.value));
    stream = from;
    from.onmessage = event => {
      for (const [id, html] of Object.entries(JSON.parse(event.data))) {
        const part = document.getElementById(id);
        if (part?.dataset.live !== undefined) replace(part, html);
      }
      document.documentElement.dataset.connected = "yes";
    };
    from.onerror = () => {
      document.documentElement.dataset.connected = "no";
      if (from.readyState === EventSource.CLOSED && from === stream) retry = setTimeout(listen, 10000);
    };
  }

  // words describes the reply to an action.
  function words(label, reply) {
    if (reply.error) return label + ": " + reply.error;
    if (reply.sessions === 0) return label + ": it had ended already.";
    if (reply.forgotten === 0) return label + ": they were forgotten already.";
    return label + ": done.";
  }

  async function act(button) {
    const label = button.getAttribute("aria-label");
    button.disabled = true;
    try {
      const reply = await fetch(button.dataset.post, {method: "POST", headers: {"X-Letterlock-Token": token}});
      const text = await reply.text();
      said.textContent = reply.headers.get("Content-Type") === "application/json" ? words(label, JSON.parse(text)) : label + ": " + text;
    } catch {
      said.textContent = label + ": the proxy does not answer.";
    }
    button.disabled = false;
  }

  document.addEventListener("click", event => {
    const button = event.target.closest("button[data-post]");
    if (button) act(button);
  });
  document.addEventListener("keydown", event => {
    if (event.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      search.focus();
    }
  });
  let typed = 0;
  search.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(listen, 300);
  });
  document.addEventListener("visibilitychange", listen);
  listen();
})();
