/*
 * Files of orders: dropped or chosen, sent with their progress shown, previewed in place, and sent again as they were
 * chosen. Without it the same forms do the same, only the file has to be chosen for each sending.
 */
(() => {
  const region = () => document.querySelector('[data-region="bring"]');
  const count = (number) => number.toLocaleString("en");

  /** Shows what is going on; nothing for the end of it. */
  const tell = (form, says, { value, counted = "" } = {}) => {
    const state = form.querySelector("[data-upload-state]");
    state.hidden = says === undefined;
    if (says === undefined) return;
    const text = state.querySelector("[data-upload-says]");
    if (text.textContent !== says) text.textContent = says;
    state.querySelector("[data-upload-count]").textContent = counted;
    const bar = state.querySelector("progress");
    bar.setAttribute("aria-label", says);
    if (value === undefined) bar.removeAttribute("value");
    else bar.value = value;
  };

  const end = (form, fault = "", ended = "") => {
    tell(form);
    form.querySelector("[data-upload-ended]").textContent = ended;
    const shown = form.querySelector("#upload-fault");
    shown.textContent = fault;
    shown.hidden = fault === "";
    for (const button of form.querySelectorAll("button")) button.disabled = false;
    noteChanges(form);
  };

  // What was changed after a preview is not what the preview has shown.
  const noteChanges = (form) => {
    const isChanged = form.dataset.changed !== undefined;
    const note = form.querySelector("[data-changed]");
    const button = form.querySelector("[data-import]");
    if (note !== null && button !== null) note.hidden = !isChanged;
    if (button !== null) button.disabled = isChanged;
  };

  /** Puts the answer in the place of the form that asked; the file that was chosen stays chosen. */
  const show = (html) => {
    const files = region().querySelector("#file")?.files;
    const next = new DOMParser().parseFromString(html, "text/html")
      .querySelector('[data-region="bring"]');
    if (next === null) return false;
    region().replaceWith(document.adoptNode(next));
    const input = next.querySelector("#file");
    if (files && input) input.files = files;
    const isPreview = next.querySelector("form.preview") !== null;
    for (const other of document.querySelectorAll("[data-beside]")) other.hidden = isPreview;
    scrollTo(0, 0);
    const first = next.querySelector('.notice.bad, #questions-heading, h2[tabindex="-1"]');
    first?.setAttribute("tabindex", "-1");
    first?.focus({ preventScroll: true });
    first?.scrollIntoView({ block: "nearest" });
    return true;
  };

  /** What is being sent, of which there is one at most. */
  let sending;

  /** Ends the sending; whoever did so goes on where it began. */
  const cancel = () => {
    if (sending === undefined) return;
    const { request, form, button, isPreview } = sending;
    sending = undefined;
    request.abort();
    // Its last bytes may have gone before they were told of.
    const rest = isPreview
      ? "; nothing was changed"
      : ". Had the file come whole by then, its import is among the earlier ones";
    end(form, "", `Cancelled${rest}`);
    button.focus();
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-upload-cancel]")) cancel();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
  });

  /** The last whole line of what came so far; more may follow. */
  const lastLine = (text) => {
    const line = text.slice(0, Math.max(0, text.lastIndexOf("\n"))).split("\n").at(-1);
    return line === "" ? undefined : JSON.parse(line);
  };

  const faultOf = (text) =>
    new DOMParser().parseFromString(text, "text/html")
      .querySelector(".notice.bad strong, .empty h2")?.textContent;

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.upload === undefined) return;
    event.preventDefault();
    const body = new FormData(form);
    const request = new XMLHttpRequest();
    const path = event.submitter?.getAttribute("formaction") ?? form.getAttribute("action");
    const isPreview = path.includes("preview=");
    request.open("POST", path);
    request.setRequestHeader("x-csrf-token", form.dataset.upload);
    request.setRequestHeader("accept", "application/x-ndjson, text/html");
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      const percent = total === 0 ? 100 : Math.floor(loaded / total * 100);
      if (percent < 100) {
        tell(form, "Sending the file", { value: percent, counted: `${percent} %` });
        return;
      }
      tell(form, "Reading the file");
      // An import goes on by itself once its file has come; its own page ends it.
      if (isPreview || sending === undefined) return;
      sending = undefined;
      const ending = form.querySelector("[data-upload-cancel]");
      const hadFocus = document.activeElement === ending;
      ending.hidden = true;
      if (hadFocus) form.querySelector("[data-upload-says]").focus();
    });
    const isLines = () => request.getResponseHeader("content-type") === "application/x-ndjson";
    request.addEventListener("progress", () => {
      const line = isLines() ? lastLine(request.responseText) : undefined;
      if (line?.read !== undefined) {
        tell(form, "Reading the file", { counted: `${count(line.read)} rows` });
      }
      if (line?.rows === undefined) return;
      tell(form, "Comparing with the orders there are", {
        value: line.rows === 0 ? undefined : line.done / line.rows * 100,
        counted: `${count(line.done)} of ${count(line.rows)} rows`,
      });
    });
    request.addEventListener("loadend", () => sending = undefined);
    request.addEventListener("load", () => {
      if (isLines()) {
        const { html = "", fault } = lastLine(request.responseText) ?? {};
        if (!show(html)) end(form, fault ?? "The answer broke off; nothing was changed");
        return;
      }
      const isNew = request.status === 200 &&
        new URL(request.responseURL).pathname !== location.pathname;
      if (isNew) return location.assign(request.responseURL);
      end(form, faultOf(request.responseText) ?? `Refused (${request.status})`);
    });
    request.addEventListener(
      "error",
      () =>
        end(
          form,
          "The connection broke, or the file was changed since it was chosen; nothing was changed",
        ),
    );
    end(form);
    tell(form, "Sending the file", { value: 0 });
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    const ending = form.querySelector("[data-upload-cancel]");
    ending.disabled = ending.hidden = false;
    const button = event.submitter ?? form.querySelector("[type=submit]");
    sending = { request, form, button, isPreview };
    request.send(body);
    // The button that was pressed can't be focused while it is disabled: this one can be, and is next to what is told.
    ending.focus({ preventScroll: true });
  }, true);

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-upload]");
    if (form === null) return;
    form.dataset.changed = "";
    noteChanges(form);
  });

  // Dropped anywhere on the page it is meant for the one place that takes files: elsewhere the browser would open it.
  const place = () => region()?.querySelector("[data-drop]") ?? null;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files") && place() !== null;
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    place().classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) place()?.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    place().classList.remove("over");
    const input = place().querySelector("input[type=file]");
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus();
  });
})();
