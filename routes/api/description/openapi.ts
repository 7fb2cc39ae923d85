/**
 * The OpenAPI document, and a page to try the API on.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { generateSpecs } from "hono-openapi";
import type { Description } from "./described.ts";
import { operationIds } from "./operation_ids.ts";
import { isConditional } from "../../middleware/conditional.ts";
import { takesAnyQuery } from "../../middleware/known_query.ts";
import { problemTypes } from "../../middleware/problem.ts";
import { cookieNames, csrfHeader } from "../../middleware/session.ts";

const info = {
  title: "Orders Workflow",
  version: "1",
  description: [
    "Takes orders, reserves stock, charges, refunds and counts. JSON in snake_case, money in integer minor units, " +
    "times in ISO 8601 UTC.",
    "Errors are RFC 9457 problems. Their types, each the address of a page that says what it means and what to do:",
    ...problemTypes().map(({ type, status, title }) => `- \`${type}\` (${status}): ${title}`),
    "`about:blank` stands where the status says it all.",
    "Query parameters that a route does not know are 400 `bad-request`, but for those of `/livez`, `/readyz`, " +
    "`/metrics` and `/payments/callback`, which pass over whatever is added to their addresses.",
  ].join("\n\n").replaceAll("\n\n-", "\n-"),
  license: { name: "MIT", identifier: "MIT" },
};

const securitySchemes = {
  bearer: {
    type: "http",
    scheme: "bearer",
    description: "A token of `API_TOKENS`; not needed where the operator has set none",
  },
  session: {
    type: "apiKey",
    in: "cookie",
    name: cookieNames.local,
    description:
      "The session of somebody who has signed in at `/sign-in`; where the service is reached by HTTPS the " +
      `cookie is called \`${cookieNames.secure}\``,
  },
  csrf: {
    type: "apiKey",
    in: "header",
    name: csrfHeader,
    description: "Of the session, for changes: the pages have it in their forms, as `csrf`",
  },
  signature: {
    type: "apiKey",
    in: "header",
    name: "webhook-signature",
    description:
      "Of the payment provider, as [Standard Webhooks](https://www.standardwebhooks.com) has it, with one of " +
      "`GATEWAY_SECRETS` over `webhook-id`, `webhook-timestamp` and the body",
  },
} as const;

/** The headings that the routes stand under. */
const tags: Readonly<Record<Description["tag"], string>> = {
  Orders: "Taking orders, finding them, cancelling them",
  Refunds: "Giving money back, in part or in full",
  Imports: "Files of orders, and what became of their rows",
  Products: "What there is of each product, what became of its units, and changing them",
  Customers: "People: everything that is kept of one, and erasing it",
  Events: "Everything that happens, by cursor, as it happens, and posted to endpoints",
  Notifications: "What was written to the log or sent by e-mail or webhook, and sending it again",
  Figures: "Revenue and counts by day and currency, and the best customers",
  Ledger: "Double entry: every movement of money, and what the accounts come to",
  Reconciliation: "Payment providers' books against ours, and what is done about what differs.",
  Operation: "Health, what waits in the groups, metrics, and the payment provider's answers",
};

/** An operation of the document, as far as it is worked on here. */
interface Operation {
  operationId?: string;
  parameters?: unknown[];
  responses: Record<string, { description: string; headers?: Record<string, unknown> }>;
  requestBody?: { required?: boolean; content: Record<string, { example?: unknown }> };
  security?: Record<string, string[]>[];
  "x-example"?: unknown;
  "x-optional-body"?: boolean;
}

/**
 * The document for an application's routes: made of the schemas that check requests, and of what
 * `described()` says. Routes that are not described, such as pages, are left out.
 */
async function openApiDocument(app: Hono): Promise<Record<string, unknown>> {
  const document = await generateSpecs(app, {
    documentation: {
      openapi: "3.1.0",
      info,
      servers: [{ url: "/" }],
      tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
      components: { securitySchemes },
    },
    exclude: [/^\/dashboard/],
    // By itself it takes a path with a dot for a static file.
    excludeStaticFile: false,
    // deno-lint-ignore no-explicit-any
  } as any) as unknown as Record<string, unknown> & {
    paths: Record<string, Record<string, Operation>>;
  };
  const { webhookDescriptions } = await import("./webhook_descriptions.ts");
  document.webhooks = webhookDescriptions();
  for (const [method, path, operation] of operationsIn(document.paths)) {
    operation.operationId = operationIds[`${method.toUpperCase()} ${path}`] ??
      operation.operationId;
    if (method !== "get") {
      for (const needed of operation.security ?? []) if ("session" in needed) needed.csrf = [];
    }
    const json = operation.requestBody?.content["application/json"];
    if (json !== undefined && operation["x-example"] !== undefined) {
      json.example = operation["x-example"];
    }
    if (operation.requestBody !== undefined && operation["x-optional-body"]) {
      operation.requestBody.required = false;
    }
    if (method === "get" && isConditional(path)) describeConditional(operation);
    delete operation["x-example"];
    delete operation["x-optional-body"];
  }
  return document;
}

/** Says that an answer is not sent again to whoever has it. */
function describeConditional(operation: Operation): void {
  const etag = {
    schema: { type: "string" },
    description: "Names every byte of the answer, for `If-None-Match`; what `If-Match` is about " +
      "stands in front of a dot",
  };
  (operation.parameters ??= []).push({
    in: "header",
    name: "if-none-match",
    description: "The `ETag` of an answer that you have: where it is the same, 304 comes instead",
    schema: { type: "string", pattern: '^(W/)?"[!#-~]*"$' },
    example: '"5f1c0e0d5b7a4c21"',
  });
  const { 200: good } = operation.responses;
  good!.headers = { ...good!.headers, etag };
  operation.responses[304] = {
    description: "It is as it was",
    headers: { ...good!.headers },
  };
}

function operationsIn(
  paths: Record<string, Record<string, Operation>>,
): [method: string, path: string, operation: Operation][] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
      method,
      path,
      operation,
    ])
  );
}

/** The page loads what this process serves and nothing else. */
const docsCsp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

const documents = new WeakMap<Hono, Promise<Uint8Array<ArrayBuffer>>>();

/**
 * The document of {@linkcode openApiDocument} as it is sent. It is made once for an application, which keeps the thread
 * for some 100 ms: a server does so before it listens.
 */
export function openApiBytes(app: Hono): Promise<Uint8Array<ArrayBuffer>> {
  const known = documents.get(app);
  if (known !== undefined) return known;
  const made = openApiDocument(app).then((document) =>
    new TextEncoder().encode(JSON.stringify(document))
  );
  documents.set(app, made);
  return made;
}

/** `GET /openapi.json` and `GET /docs`; both are open, they tell nothing of anybody's orders. */
export function openApiRoutes(whole: () => Hono): Hono {
  const app = new Hono();
  app.get(
    "/openapi.json",
    takesAnyQuery(),
    async (c) => c.body(await openApiBytes(whole()), 200, { "content-type": "application/json" }),
  );

  app.get("/docs", takesAnyQuery(), (c) => {
    c.header("content-security-policy", docsCsp);
    return c.html(html`
      <!DOCTYPE html>
      <html lang="en">
        <head>
          <meta charset="utf-8">
          <meta name="viewport" content="width=device-width, initial-scale=1">
          <title>API · Orders</title>
          <link rel="icon" href="/docs/icon.svg" type="image/svg+xml">
          <link rel="stylesheet" href="/docs/swagger-ui.css">
        </head>
        <body>
          <div id="api"></div>
          <script src="/docs/swagger-ui.js"></script>
          <script src="/docs/start.js"></script>
        </body>
      </html>
    `);
  });

  app.get("/docs/:name", takesAnyQuery(), async (c: Context) => {
    const { docsFiles } = await import("./docs_files.ts");
    const name = c.req.param("name") ?? "";
    if (!Object.hasOwn(docsFiles, name)) return c.notFound();
    const { type, body } = docsFiles[name]!;
    return c.body(body, 200, {
      "content-type": `${type}; charset=utf-8`,
      "cache-control": "public, max-age=3600",
    });
  });

  return app;
}
