/**
 * The service for a server of somebody else: `deno serve main.ts`, or Bun's.
 *
 * @module
 */

import { exit } from "node:process";
import { type Config, isLoopback } from "../config/config.ts";
import { messageOf } from "../domain/errors.ts";
import { serveHttp } from "../routes/server.ts";
import { type Answer, connectionFacts, type HttpServer } from "../runtime/serve.ts";
import { keepLooking } from "../streams/recovery/database_guard.ts";
import { namesNoEngine } from "./engine_settings.ts";
import { printError } from "./print.ts";
import { readSecrets } from "./secrets.ts";
import { serveUntilStopped } from "./service.ts";

/** How long what failed to open answers the requests that follow, in milliseconds. */
const retryMs = 5_000;

/** Answers a request; `said` is what the server hands over beside it. */
export type Fetch = (request: Request, said?: unknown) => Promise<Response>;

/**
 * What `serve` answers, without listening: the API and the dashboard, and no consumers. Nothing is opened before the first
 * request. Settings that are missing and engines that can't be reached are said on standard error and answered by 503; a
 * request five seconds later tries again. SIGTERM, SIGHUP and Ctrl-C end the process in order, as they do `serve`.
 */
export function lazyApp(env: Record<string, string | undefined>): Fetch {
  let opening: Promise<Answer> | undefined;
  const open = () => {
    if (opening !== undefined) return opening;
    const attempt = openApp(env);
    attempt.catch((error) => {
      printError(`The service cannot start: ${messageOf(error)}`);
      setTimeout(() => opening = undefined, retryMs).unref();
    });
    return opening = attempt;
  };
  return async (request, said) => {
    const answer = await open().catch(() => notReady);
    return await answer(request, connectionFacts(said, request));
  };
}

/** Opens what `serve` has beside its server; all of it is closed when the process is asked to end. */
async function openApp(named: Record<string, string | undefined>): Promise<Answer> {
  const env = readSecrets(named);
  const opened = Promise.withResolvers<Answer>();
  serveUntilStopped(env, (context, signal) => {
    void keepLooking(context, signal);
    return serveHttp(context, signal, {
      serve: (_listen, answer) =>
        handOver(
          keepStrangersOut({ ...context.config, isPrivate: namesNoEngine(env) }, answer),
          opened.resolve,
        ),
    });
  }).then(exit, opened.reject);
  return await opened.promise;
}

/**
 * `serve` listens nowhere beyond loopback without tokens, but another server listens where it was told, and
 * `deno serve` everywhere unless told otherwise. Where nobody is asked who they are, this machine alone is answered; whoever
 * comes by a server that does not say from where is a stranger. Private engines are for this machine whatever is set.
 *
 * @param settings.isPrivate whether the orders are on private engines
 */
export function keepStrangersOut(
  { apiTokens, allowAnonymous, isPrivate }:
    & Pick<Config, "apiTokens" | "allowAnonymous">
    & { isPrivate: boolean },
  answer: Answer,
): Answer {
  if (!isPrivate && (apiTokens.length > 0 || allowAnonymous)) return answer;
  const detail = isPrivate
    ? "Private engines are for this machine alone; others are answered with DATABASE_URL and REDIS_URL set"
    : "Without API_TOKENS only this machine is answered; ALLOW_ANONYMOUS=1 allows others";
  return (request, facts) => {
    const from = facts.remoteAddr?.hostname;
    const isNear = from !== undefined && isLoopback(from.replace(/^::ffff:/i, ""));
    return isNear ? answer(request, facts) : problem(403, "Forbidden", detail);
  };
}

/** Counts the requests in hand, which are answered before the engines are closed. */
function handOver(answer: Answer, resolve: (answer: Answer) => void): HttpServer {
  const finished = Promise.withResolvers<void>();
  let inHand = 0;
  let isEnding = false;
  const endIfIdle = () => {
    if (isEnding && inHand === 0) finished.resolve();
  };
  resolve(async (request, facts) => {
    inHand++;
    try {
      return await answer(request, facts);
    } finally {
      inHand--;
      endIfIdle();
    }
  });
  return {
    finished: finished.promise,
    shutdown() {
      isEnding = true;
      endIfIdle();
      return finished.promise;
    },
  };
}

/** Says nothing of the reason: whoever asks may be anybody. */
function notReady(): Response {
  const detail = "The service cannot start; its log says why";
  return problem(503, "Service Unavailable", detail, { "retry-after": "5" });
}

function problem(
  status: number,
  title: string,
  detail: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ type: "about:blank", title, status, detail }, {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}
