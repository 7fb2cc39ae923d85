/**
 * Pages as a browser without scripts sees them.
 *
 * @module
 */

import type { Api } from "../api.ts";

/** A page that was asked for. */
export interface Page {
  status: number;
  headers: Headers;
  html: string;
  /** All text, with single spaces. */
  text: string;
}

/** Asks for a page. */
export async function openPage({ app }: Pick<Api, "app">, path: string): Promise<Page> {
  return await toPage(await app.request(path, { headers: { accept: "text/html" } }));
}

/** Sends a form as a browser does from a page of this very site. */
export async function sendForm(
  { app }: Pick<Api, "app">,
  path: string,
  fields: Record<string, string> | [string, string][],
  headers: Record<string, string> = {},
): Promise<Page> {
  return await toPage(
    await app.request(path, {
      method: "POST",
      body: new URLSearchParams(fields).toString(),
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        origin: "http://localhost",
        ...headers,
      },
    }),
  );
}

/** The value of the first field of this name. */
export function fieldOf({ html }: Page, name: string): string {
  const value = new RegExp(`<input[^>]* name="${name}"[^>]* value="([^"]*)"`).exec(html)?.[1];
  if (value === undefined) throw new Error(`the page has no field ${name}`);
  return value;
}

async function toPage(response: Response): Promise<Page> {
  const html = await response.text();
  const text = html
    .replace(/<(script|style)\b.*?<\/\1>/gs, " ")
    .replace(/<[^>]*>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ");
  return { status: response.status, headers: response.headers, html, text };
}
