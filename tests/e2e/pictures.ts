/**
 * Pictures for the README and docs/dashboard.md; they are made only where SCREENSHOTS=1 asks for them.
 *
 * @module
 */

import type { Page } from "playwright-core";

const folder = Deno.env.get("SCREENSHOTS") === "1"
  ? new URL("../../docs/screenshots/", import.meta.url)
  : undefined;

/** Those that are worth keeping. */
const wanted = [
  "overview-in-motion",
  "overview-in-motion-dark",
  "order-refunded",
  "orders-phone",
  "dead_letters-light",
  "stream-in-motion-dark",
  "kpis-light",
];

/** Keeps a picture of what the window shows. */
export async function takePicture(page: Page, name: string): Promise<void> {
  if (folder === undefined || !wanted.includes(name)) return;
  await Deno.mkdir(folder, { recursive: true });
  const path = new URL(`${name}.png`, folder).pathname;
  await page.screenshot({ path, animations: "disabled" });
}
