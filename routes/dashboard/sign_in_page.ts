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
* { box-sizing: border-box; }
body {
  display: grid; min-height: 100vh; place-items: center; margin: 0; padding: 1rem;
  background: light-dark(#f7f7f8, #0f0f14); color: light-dark(#18181f, #ececf1);
}
main { width: min(23rem, 100%); }
form {
  display: grid; gap: .6rem; padding: 1.75rem;
  background: light-dark(#ffffff, #181820); border: 1px solid light-dark(#e4e4e8, #2c2c36); border-radius: 10px;
}
h1 { font-size: 1.2rem; margin: 0; }
p { margin: 0 0 .5rem; font-size: .9rem; color: light-dark(#5d5e6b, #a5a6b3); }
label { font-size: .9rem; font-weight: 500; }
input, button { min-height: 44px; font: inherit; padding: .5rem .7rem; border-radius: 7px; border: 1px solid light-dark(#8b8b98, #6d6d7b); }
input { background: light-dark(#ffffff, #0f0f14); color: inherit; width: 100%; }
button { margin-top: .5rem; border-color: transparent; background: light-dark(#4f46e5, #5b54ea); color: #ffffff; font-weight: 600; cursor: pointer; }
button:hover { background: #4338ca; }
:focus-visible { outline: 2px solid light-dark(#4f46e5, #a5a0ff); outline-offset: 2px; }
[role=alert] { color: light-dark(#b42318, #ff9d94); margin: 0; }
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
        <main>
          <form method="post" action="${action}">
    <h1>Orders Workflow</h1>
    <p>Sign in with an API token of this service.</p>
    ${alert}
    <label for="token">Token</label>
    <input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
    <input type="hidden" name="next" value="${next}">
    <button>Sign in</button>
        </form>
        </main>
      </body>
    </html>
  `;
}
