/**
 * A real browser on the real service.
 *
 * @module
 */

import assert from "node:assert/strict";
import axe from "axe-core/axe.min.js" with { type: "text" };
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** The browser's program; undefined where the suite runs without one, as `deno task test` does. */
export const browserPath: string | undefined = Deno.env.get("TEST_BROWSER");

/** Longest wait for anything on a page, in milliseconds. */
const patienceMs = 15_000;

/** Starts the browser; nothing of it goes to the network by itself. */
export async function startBrowser(): Promise<Browser> {
  const { chromium } = await import("playwright-core");
  return await chromium.launch({
    executablePath: browserPath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      // Containers often have only 64 MB there.
      "--disable-dev-shm-usage",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A page, and what went wrong on it and on those that were opened beside it. */
export interface Tab {
  page: Page;
  /** Errors of the console, of scripts and of the content security policy. */
  faults: string[];
  close(): Promise<void>;
}

/** Opens a tab of its own. */
export async function openTab(
  browser: Browser,
  baseURL: string,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const context = await browser.newContext({
    baseURL,
    viewport: { width: 1360, height: 860 },
    ...options,
  });
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  const faults: string[] = [];
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(message.text());
  });
  context.on("weberror", (fault) => faults.push(fault.error().message));
  context.on("requestfailed", (request) => {
    // A page that is left ends what it was loading, its stream above all.
    const reason = request.failure()?.errorText;
    if (reason !== "net::ERR_ABORTED") faults.push(`${request.url()}: ${reason}`);
  });
  return { page, faults, close: () => context.close() };
}

/** Asserts that people who can't see, point or tell colours apart can use the page. */
export async function assertAccessible(page: Page, name: string): Promise<void> {
  await page.evaluate(axe);
  // Colours that change over some milliseconds have too little contrast on their way.
  await page.evaluate(
    "Promise.allSettled(document.getAnimations().map(({ finished }) => finished))",
  );
  const found = await page.evaluate(`axe.run(document, { resultTypes: ["violations"] })`) as {
    violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  const serious = found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) =>
      `${id}: ${nodes.slice(0, 3).map((n) => `${n.html} ${n.failureSummary}`).join("; ")}`
    );
  assert.deepEqual(serious, [], name);
}

/** Asserts that nothing is wider than the window. */
export async function assertFits(page: Page, name: string): Promise<void> {
  const [width, window] = await page.evaluate(
    "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
  ) as [number, number];
  assert.ok(width <= window, `${name} is ${width} wide in a window of ${window}`);
}

/** Asserts that no table has to be scrolled sideways to be read, but one of a file's own columns. */
export async function assertTablesFit(page: Page, name: string): Promise<void> {
  const wide = await page.evaluate(`[...document.querySelectorAll("main .table")].flatMap(
    (table) => table.scrollWidth > table.clientWidth + 1
      ? [table.getAttribute("aria-label") + " " + table.scrollWidth + " of " + table.clientWidth]
      : [])`) as string[];
  assert.deepEqual(wide, [], name);
}

/** Asserts that fingers can hit what stands by itself: 44 px, links within text aside. */
export async function assertTappable(page: Page, name: string): Promise<void> {
  const small = await page.evaluate(`[...document.querySelectorAll(
    "button, .button, .nav a, .tabs a, select, input:not([type=checkbox], [type=radio], [type=hidden])"
  )].flatMap((element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 1 && height > 1 && height < 43.5
      ? [element.outerHTML.slice(0, 120) + " " + height]
      : [];
  })`) as string[];
  assert.deepEqual(small, [], name);
}
