/**
 * The files of the dashboard: styles, scripts and the libraries of those. All are part of the program, so no
 * page ever loads anything from elsewhere.
 *
 * @module
 */

import { Hono } from "hono";
import morphLibrary from "morphdom/dist/morphdom-umd.min.js" with { type: "text" };
import chartStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import chartLibrary from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import charts from "./assets/charts.js" with { type: "text" };
import style from "./assets/dashboard.css" with { type: "text" };
import components from "./assets/components.css" with { type: "text" };
import live from "./assets/live.js" with { type: "text" };
import upload from "./assets/upload.js" with { type: "text" };
import icon from "./assets/icon.svg" with { type: "text" };

const files: Readonly<Record<string, { type: string; body: string }>> = {
  "dashboard.css": { type: "text/css", body: `${style}\n${components}` },
  "uplot.css": { type: "text/css", body: chartStyle },
  "uplot.js": { type: "text/javascript", body: chartLibrary },
  "charts.js": { type: "text/javascript", body: charts },
  "morphdom.js": { type: "text/javascript", body: morphLibrary },
  "live.js": { type: "text/javascript", body: live },
  "upload.js": { type: "text/javascript", body: upload },
  "icon.svg": { type: "image/svg+xml", body: icon },
};

/** A short name for a content, by FNV-1a: enough to tell versions of a file apart. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return hash.toString(36);
}

const versions = Object.fromEntries(
  Object.entries(files).map(([name, { body }]) => [name, fingerprint(body)]),
);

/** Where pages find a file; another content has another address, so browsers may keep it for ever. */
export function assetPath(name: keyof typeof files & string): string {
  return `/dashboard/assets/${name}?v=${versions[name]}`;
}

/** `GET /dashboard/assets/{name}`. */
export function assetRoutes(): Hono {
  const app = new Hono();
  app.get("/assets/:name", (c) => {
    const name = c.req.param("name");
    if (!Object.hasOwn(files, name)) return c.notFound();
    const { type, body } = files[name]!;
    const kept = c.req.query("v") === versions[name];
    return c.body(body, 200, {
      "content-type": `${type}; charset=utf-8`,
      "cache-control": kept ? "public, max-age=31536000, immutable" : "no-cache",
    });
  });
  return app;
}
