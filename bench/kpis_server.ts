/**
 * Serves the product's API and, beside it and past all of its middleware, a bare Hono route that answers
 * with as much as `GET /kpis`: what a request costs at the least in the same process.
 *
 * @module
 */

import { Hono } from "hono";
import { openContext } from "../commands/context.ts";
import { parseConfig } from "../domain/config.ts";
import { emptyKpiRow } from "../domain/kpi.ts";
import { makeApp } from "../routes/app.ts";

const context = await openContext(parseConfig(Deno.env.toObject()));
const app = makeApp(context);
const bare = new Hono();
bare.get("/bare", (c) => c.json({ kpis: [emptyKpiRow("2025-01-01", "EUR")] }));

Deno.serve(
  { hostname: "127.0.0.1", port: context.config.port, onListen: () => {} },
  (request) => (request.url.endsWith("/bare") ? bare : app).fetch(request),
);
