/**
 * What is shown when a page can't be.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { AppDeps } from "../deps.ts";
import { awayName, isEngineAway, type Problem, problemOf } from "../middleware/problem.ts";
import { page, pageCsp } from "./layout.tsx";
import { Empty } from "./parts.tsx";

/** Says that something does not exist. */
export function notFoundPage(c: Context, what: string): Response | Promise<Response> {
  return show(c, 404, what, "The address may be mistyped, or it was of another database.");
}

/**
 * Shows people a page where what stands before all routes refused them, or had to give up, in words for programs.
 */
export function problemPages(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const isProblem = c.res.headers.get("content-type")?.startsWith("application/problem+json");
    if (!isProblem || !/\btext\/html\b/.test(c.req.header("accept") ?? "")) return;
    const { status, headers } = c.res;
    const problem = await c.res.json() as Problem;
    const shown = await show(c, status as ContentfulStatusCode, problem.detail, "");
    for (const [name, value] of headers) {
      if (!/^content-(type|length)$/.test(name)) shown.headers.set(name, value);
    }
    shown.headers.set("content-security-policy", pageCsp);
    c.res = undefined;
    c.res = shown;
  };
}

/** Says what went wrong: what was asked for, an engine, or the program itself. */
export function errorPage(
  { log }: AppDeps,
  error: Error,
  c: Context,
): Response | Promise<Response> {
  if (isEngineAway(error)) {
    log.warn("engine away", { path: c.req.path, error: messageOf(error) });
    return show(
      c,
      503,
      `${awayName(error)} gives no answer`,
      "It can't be reached just now. Nothing is lost: try again in a moment. The overview tells when it " +
        "is back.",
    );
  }
  if (error instanceof WorkflowError) {
    const { status } = problemOf(error);
    if (status < 500) return show(c, status, error.message, "");
  }
  if (error instanceof HTTPException) {
    return show(c, error.status as ContentfulStatusCode, error.message, "");
  }
  const request_id = c.get("requestId") as string;
  log.error("page failed", {
    request_id,
    path: c.req.path,
    error: messageOf(error),
    stack: error.stack,
  });
  return show(c, 500, "Something unexpected happened", `The log has it under ${request_id}.`);
}

function show(
  c: Context,
  status: ContentfulStatusCode,
  title: string,
  text: string,
): Response | Promise<Response> {
  // What there is not is not there a moment later either.
  const isWorthAnother = status !== 404;
  return page(
    c,
    { title, nav: c.req.path.split("/").slice(0, 3).join("/"), status },
    (
      <>
        <h1 class="hidden">{title}</h1>
        <Empty
          title={title}
          actions={
            <>
              {isWorthAnother && (
                <a class="button primary" href={c.req.method === "GET" ? c.req.path : "/dashboard"}>
                  {c.req.method === "GET" ? "Try again" : "Back"}
                </a>
              )}
              <a class="button" href="/dashboard">Overview</a>
            </>
          }
        >
          {text}
        </Empty>
      </>
    ),
  );
}
