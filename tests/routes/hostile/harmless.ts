/**
 * What every answer to a hostile request has to be.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Hono } from "hono";
import type { Attack } from "./hostile_requests.ts";

/** Longest time for an answer, in milliseconds. */
const maxMs = 10_000;

/** Words that only the inside of the program knows. */
const inside = [
  /\.tsx?:\d|node_modules|file:\/\/\/(?!etc)|\n\s+at \S+ \(/,
  /\b(ioredis|sqlstate|evalsha|wrongtype|noscript|noauth)\b|\bER_[A-Z]{3}/i,
  /\b(select|insert into|delete from)\s[^<>"]{1,200}\s(from|values|where)\s/i,
  /\b(Type|Range|Syntax|Reference|Zod|Aggregate)Error\b|\bDeno\.|127\.0\.0\.1:\d/,
  /Cannot read propert|is not a function|is not iterable|Unexpected token|in JSON at/,
];

/** For messages: what was sent, cut where it is long. */
export function show({ method, target, headers, body }: Attack): string {
  const cut = (text: string) =>
    text.length > 300 ? `${text.slice(0, 300)}… (${text.length})` : text;
  const text = body === undefined ? "nothing" : JSON.stringify(cut(new TextDecoder().decode(body)));
  return `${method} ${cut(target)} ${cut(JSON.stringify(headers))} with ${text}`;
}

/**
 * Asks the application. Of an answer that goes on for ever only the beginning is read.
 *
 * @throws where no answer comes in time
 */
export async function send(
  app: Hono,
  attack: Attack,
): Promise<{ response: Response; text: string }> {
  const headers = new Headers();
  for (const [name, value] of attack.headers) {
    try {
      headers.append(name, value);
    } catch {
      // What a header can't hold is sent as bytes by the tests of the server.
    }
  }
  const { method, target, body } = attack;
  const url = URL.parse(target, "http://localhost");
  const request = new Request(url?.host === "localhost" ? url : "http://localhost/", {
    method,
    headers,
    body: method === "GET" || method === "HEAD" ? undefined : body,
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer to ${show(attack)}`)), maxMs);
  });
  try {
    const answer = async () => {
      const response = await app.fetch(request);
      const isEndless = response.headers.get("content-type")?.startsWith("text/event-stream");
      return { response, text: isEndless ? await beginningOf(response) : await response.text() };
    };
    return await Promise.race([answer(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function beginningOf(response: Response): Promise<string> {
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

/**
 * Asserts that an answer is one that is meant: no 500, no word of the inside, errors as problems, no header
 * and no redirection that the request made up.
 *
 * @param secrets of the engines
 */
export function assertHarmless(
  attack: Attack,
  response: Response,
  text: string,
  secrets: { databaseUrl: string; redisPrefix: string },
): void {
  const { status, headers } = response;
  const what = () => `${show(attack)} → ${status}: ${text.slice(0, 600)}`;
  const type = headers.get("content-type") ?? "";
  assert.ok(status < 500 || status === 503, what());
  const isPage = /^\/(dashboard|sign-|docs)/.test(
    new URL(response.url || attack.target, "http://localhost").pathname,
  );
  if (status >= 400 && !isPage && attack.method !== "HEAD") {
    if (status === 503) assert.ok(headers.has("retry-after"), what());
    assert.match(type, /^application\/problem\+json/, what());
    const problem = JSON.parse(text);
    assert.equal(problem.status, status, what());
    for (const member of ["type", "title", "detail"]) {
      assert.equal(typeof problem[member], "string", what());
    }
  }
  if (!/javascript|css|^image|openapi/.test(type) && !attack.target.startsWith("/openapi")) {
    // Pages tell operators which engines there are.
    const words = status < 400 ? inside : [...inside, /\b(mysql|mariadb|redis)\b/i];
    for (const word of words) assert.equal(word.exec(text)?.[0], undefined, what());
    const { password, pathname, username } = new URL(secrets.databaseUrl);
    for (const secret of [password, pathname.slice(1), secrets.redisPrefix]) {
      assert.ok(
        secret === "" || !text.includes(secret),
        `${what()} tells ${secret} of ${username}`,
      );
    }
    if (type.startsWith("text/html")) {
      assert.doesNotMatch(text, /<script>alert|<img src=x|href="javascript:/, what());
    }
  }
  assert.equal(headers.get("x-injected"), null, what());
  const location = headers.get("location");
  if (location !== null) assert.match(location, /^\/(?![/\\])/, what());
  assert.ok(headers.get("content-security-policy"), what());
}
