/**
 * Serves the product's API and two bare Hono routes that answer with as much as `GET /kpis`: `/bare` behind
 * the same middleware as every route of the product, `/past` past all of it.
 *
 * @module
 */

import { Hono } from "hono";
import { openContext } from "../../commands/context.ts";
import { parseConfig } from "../../config/config.ts";
import { emptyKpiRow } from "../../domain/kpi/kpi.ts";
import { makeApp } from "../../routes/app.ts";

const context = await openContext(parseConfig(Deno.env.toObject()));
const kpis = [emptyKpiRow("2025-01-01", "EUR")];
const app = makeApp(context);
app.get("/bare", (c) => c.json({ kpis }));
const past = new Hono();
past.get("/past", (c) => c.json({ kpis }));

Deno.serve(
  { hostname: "127.0.0.1", port: context.config.port.first, onListen: () => {} },
  (request) => (request.url.endsWith("/past") ? past : app).fetch(request),
);
