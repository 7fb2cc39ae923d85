/*
 * What pages do beyond plain HTML: regions that follow the server, forms that are sent once, and lists
 * with a box for all. Everything works without it, only not by itself.
 */
(() => {
  document.documentElement.classList.add("js");

  // Loading a page anew would take back who is on the way to another one: a link that was followed wins.
  let left;
  addEventListener("beforeunload", () => left = Date.now());
  let soon;
  const reload = () => {
    clearTimeout(soon);
    // Whoever is still here after that has saved a file.
    const rest = left === undefined ? 0 : left + 5_000 - Date.now();
    if (rest > 0) soon = setTimeout(reload, rest);
    else location.reload();
  };

  // What is replaced between the press and the release of a button loses the click: it waits so long.
  let pressed = false;
  const waiting = new Map();
  addEventListener("pointerdown", () => pressed = true, true);
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(end, () => {
      setTimeout(() => {
        pressed = false;
        for (const [name, html] of waiting) swap(name, html);
        waiting.clear();
      }, 50);
    }, true);
  }

  // Only what differs is touched, so that focus, scrolled tables and what is read aloud stay where they are.
  const swap = (name, html) => {
    const region = document.querySelector(`[data-region="${CSS.escape(name)}"]`);
    if (region === null) return;
    const next = region.cloneNode(false);
    next.innerHTML = html;
    morphdom(region, next, {
      childrenOnly: true,
      getNodeKey: (node) => node.dataset?.key ?? node.id,
      onBeforeElUpdated: (before, after) => {
        if (before.localName === "details") after.open = before.open;
        return !before.isEqualNode(after);
      },
    });
    // What is over offers other things to do than what is going on.
    if (region.querySelector("[data-over]") !== null) reload();
  };

  const follow = (url) => {
    const dot = document.getElementById("live-state");
    const tell = (state, text) => {
      if (dot === null) return;
      dot.className = `live-dot ${state}`;
      if (dot.textContent !== text) dot.textContent = text;
    };
    let source;
    let lastHeard = 0;
    const close = () => {
      source?.close();
      source = undefined;
    };
    const open = () => {
      close();
      lastHeard = Date.now();
      const mine = source = new EventSource(url);
      const on = (event, use) =>
        mine.addEventListener(event, (message) => {
          lastHeard = Date.now();
          use(JSON.parse(message.data));
        });
      on("regions", (regions) => {
        tell("on", "Live");
        for (const [name, html] of Object.entries(regions)) {
          if (pressed) waiting.set(name, html);
          else swap(name, html);
        }
      });
      on("charts", (charts) => {
        tell("on", "Live");
        document.dispatchEvent(new CustomEvent("charts", { detail: charts }));
      });
      on("alive", () => tell("on", "Live"));
      on("away", (engine) => tell("off", `${engine} gives no answer`));
      mine.addEventListener("error", () => {
        tell("off", "Reconnecting");
        if (mine.readyState !== EventSource.CLOSED) return;
        setTimeout(() => source === mine && open(), 3_000);
      });
    };
    // A browser has few connections for one address: what nobody sees keeps none, or the seventh page would
    // not load.
    const look = () => document.hidden ? close() : source ?? open();
    look();
    document.addEventListener("visibilitychange", look);
    addEventListener("pagehide", close);
    addEventListener("pageshow", look);
    // A connection that died without a word is opened anew.
    setInterval(() => {
      if (source !== undefined && Date.now() - lastHeard >= 40_000) open();
    }, 10_000);
  };

  addEventListener("DOMContentLoaded", () => {
    // On a phone the entry of this page may be beyond the edge of the navigation.
    const here = document.querySelector(".nav [aria-current]");
    const bar = here?.closest(".nav-scroll");
    if (bar && bar.scrollWidth > bar.clientWidth) {
      bar.scrollLeft = here.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;
    }
    const { live } = document.body.dataset;
    if (live) follow(live);
  });

  // The second click of a double click sends nothing; the key in the form would make it harmless anyway.
  const mayBeSentAgain = (form) => {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[disabled]")) button.disabled = false;
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.dataset.upload !== undefined) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    const submitter = event.submitter;
    setTimeout(() => submitter?.setAttribute("disabled", ""), 0);
    // Whoever is still here after that has stopped the browser, or saved a file.
    setTimeout(() => mayBeSentAgain(form), 10_000);
  });
  // A page that is shown for the first time may be so between the two clicks.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) document.querySelectorAll("form[data-sent]").forEach(mayBeSentAgain);
  });

  // What is typed into a field means the choice that it belongs to.
  document.addEventListener("input", (event) => {
    const { selects } = event.target.dataset ?? {};
    if (selects !== undefined) document.getElementById(selects).checked = true;
  });

  document.addEventListener("change", (event) => {
    const { all } = event.target.dataset ?? {};
    if (all === undefined) return;
    for (const box of document.querySelectorAll(`input[name="${CSS.escape(all)}"]`)) {
      box.checked = event.target.checked;
    }
  });
})();
