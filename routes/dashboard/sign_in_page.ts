/**
 * The page on which people sign in. It needs nothing but itself: no script, no file.
 *
 * @module
 */

import { hash as digestOf } from "node:crypto";
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; min-height: 90vh; place-items: center; margin: 1rem; }
form { display: grid; gap: .75rem; width: min(24rem, 100%); }
h1 { font-size: 1.25rem; margin: 0; }
input, button { font: inherit; padding: .5rem .75rem; }
[role=alert] { color: light-dark(#b00020, #ff8a8a); margin: 0; }
`;

/** Lets the page show its own style and send its own form, and nothing else. */
export const signInCsp = [
  "default-src 'none'",
  `style-src 'sha256-${digestOf("sha256", style, "base64")}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

/**
 * @param options.action where the form goes
 * @param options.next path to go on to
 * @param options.fault what was wrong with the last try; empty for the first
 */
export function signInPage(
  { action, next, fault }: { action: string; next: string; fault: string },
): HtmlEscapedString | Promise<HtmlEscapedString> {
  const alert = fault === "" ? "" : html`<p role="alert">${fault}</p>`;
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Sign in · Orders</title>
        <style>${raw(style)}</style>
      </head>
      <body>
        <form method="post" action="${action}">
    <h1>Orders</h1>
    ${alert}
    <label for="token">Token</label>
    <input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
    <input type="hidden" name="next" value="${next}">
    <button>Sign in</button>
        </form>
      </body>
    </html>
  `;
}
