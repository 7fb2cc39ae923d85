/**
 * Figures for Prometheus.
 *
 * @module
 */

import { type Context, Hono, type MiddlewareHandler } from "hono";
import { prometheus } from "@hono/prometheus";
import { type Counter, type Histogram, type Metric, Registry } from "prom-client";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { files } from "../description/file_examples.ts";
import { readFamilies } from "./metric_families.ts";

/** Methods that are told apart: anybody may ask by names of their own, and each would be kept for ever. */
const knownMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** The labels of a request, of which the method is one of a few. */
const requestLabels = {
  labelNames: ["status", "ok", "route"],
  customLabels: {
    method: ({ req }: Context) => knownMethods.includes(req.method) ? req.method : "OTHER",
  },
};

/** Counts a request that passed by the middleware. */
export type RecordRequest = (
  of: { method: string; route: string; status: number },
  ms: number,
) => void;

/** The middleware that measures requests, and `GET /metrics`. */
export function metricRoutes(
  deps: AppDeps,
): { measure: MiddlewareHandler; record: RecordRequest; routes: Hono } {
  const registry = new Registry();
  const { registerMetrics } = prometheus({
    registry,
    prefix: "orders_",
    metricOptions: { requestDuration: requestLabels, requestsTotal: requestLabels },
  });
  const app = new Hono();

  app.get(
    "/metrics",
    described({
      summary: "Figures for Prometheus",
      anyQuery: true,
      tag: "Operation",
      scopes: ["read"],
      answers: {
        200: { says: "In Prometheus' text format", type: "text/plain", example: files.metrics },
      },
    }),
    async (c: Context) => {
      const families = await readFamilies(deps);
      const own = new Registry();
      for (const family of families) {
        own.registerMetric({
          ...family,
          get: () => Promise.resolve({ ...family, aggregator: "sum" }),
        } as unknown as Metric);
      }
      const text = await Registry.merge([own, registry]).metrics();
      return c.body(text, 200, { "content-type": registry.contentType });
    },
  );

  return { measure: registerMetrics, record: recorder(registry), routes: app };
}

/** Counts by the metrics that the middleware has put into a registry. */
function recorder(registry: Registry): RecordRequest {
  const duration = registry.getSingleMetric("orders_http_request_duration_seconds") as Histogram;
  const total = registry.getSingleMetric("orders_http_requests_total") as Counter;
  return ({ method, route, status }, ms) => {
    const ok = String(status >= 200 && status < 300);
    const labels = { method, route, status: String(status), ok };
    duration.observe(labels, ms / 1_000);
    total.inc(labels);
  };
}
