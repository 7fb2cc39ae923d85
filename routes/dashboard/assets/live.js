/*
 * What pages do beyond plain HTML: regions that follow the server, forms that are sent once, and lists
 * with a box for all. Everything works without it, only not by itself.
 */
(() => {
  document.documentElement.classList.add("js");

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

  const swap = (name, html) => {
    const region = document.querySelector(`[data-region="${CSS.escape(name)}"]`);
    if (region === null || region.dataset.html === html) return;
    region.dataset.html = html;
    const active = document.activeElement;
    const focused = region.contains(active) ? active.getAttribute("data-key") ?? active.id : null;
    region.innerHTML = html;
    // What is over offers other things to do than what is going on.
    if (region.querySelector("[data-over]") !== null) return location.reload();
    if (focused) {
      const again = region.querySelector(`[data-key="${CSS.escape(focused)}"]`) ??
        document.getElementById(focused);
      again?.focus({ preventScroll: true });
    }
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
    const open = () => {
      lastHeard = Date.now();
      source = new EventSource(url);
      const on = (event, use) =>
        source.addEventListener(event, (message) => {
          lastHeard = Date.now();
          tell("on", "Live");
          use(JSON.parse(message.data));
        });
      on("regions", (regions) => {
        for (const [name, html] of Object.entries(regions)) {
          if (pressed) waiting.set(name, html);
          else swap(name, html);
        }
      });
      on(
        "charts",
        (charts) => document.dispatchEvent(new CustomEvent("charts", { detail: charts })),
      );
      on("alive", () => {});
      source.addEventListener("error", () => {
        tell("off", "Reconnecting");
        if (source.readyState === EventSource.CLOSED) setTimeout(open, 3_000);
      });
    };
    open();
    // A connection that died without a word is opened anew.
    setInterval(() => {
      if (Date.now() - lastHeard < 40_000) return;
      source.close();
      open();
    }, 10_000);
    addEventListener("pagehide", () => source.close());
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
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button[disabled]")) button.disabled = false;
    }
  });

  // A file is sent with its progress shown; without scripts the form does the same without it.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.upload === undefined) return;
    event.preventDefault();
    const progress = document.getElementById("upload");
    const fault = document.getElementById("upload-fault");
    const end = (text) => {
      progress.hidden = true;
      fault.textContent = text;
      fault.hidden = text === "";
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    };
    const body = new FormData(form);
    const request = new XMLHttpRequest();
    request.open("POST", event.submitter?.getAttribute("formaction") ?? form.action);
    request.setRequestHeader("x-csrf-token", form.dataset.upload);
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      progress.value = total === 0 ? 100 : loaded / total * 100;
    });
    request.addEventListener("load", () => {
      const isNew = request.status === 200 &&
        new URL(request.responseURL).pathname !== location.pathname;
      if (isNew) return location.assign(request.responseURL);
      const answer = new DOMParser().parseFromString(request.responseText, "text/html");
      end(
        answer.querySelector(".notice.bad strong, .empty h2")?.textContent ??
          `Refused (${request.status})`,
      );
    });
    request.addEventListener("error", () => end("The connection broke; nothing was changed"));
    end("");
    progress.hidden = false;
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    request.send(body);
  }, true);

  document.addEventListener("change", (event) => {
    const { all } = event.target.dataset ?? {};
    if (all === undefined) return;
    for (const box of document.querySelectorAll(`input[name="${CSS.escape(all)}"]`)) {
      box.checked = event.target.checked;
    }
  });
})();
