import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { liveSecrets } from "../../commands/secrets.ts";
import { parseConfig } from "../../config/config.ts";
import { madeOf } from "../../config/made_of.ts";
import { withSecretFiles } from "../../config/secret_files.ts";
import { formatApiToken, type Scope, tokenHash } from "../../domain/operation/api_token.ts";
import type { Log } from "../../domain/operation/log.ts";
import { taskArguments } from "../../tools/engines/task_arguments.ts";
import { type Api, openApi } from "../routes/api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("secrets");
});
Deno.test.afterAll(() => api.close());

const root = new URL("../../", import.meta.url);

function tokenEntry(token: string, scope: Scope = "read"): string {
  return formatApiToken({ name: "shop", hash: tokenHash(token), scopes: [scope] });
}

/** A log that keeps what was said. */
function heardLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const say = (level: string) => (text: string, facts: object = {}) => {
    lines.push(`${level}: ${text} ${Object.values(facts).join(" ")}`.trim());
  };
  const log = { error: say("error"), warn: say("warn"), info: say("info"), debug: say("debug") };
  return { log: log as unknown as Log, lines };
}

/** Secrets of files that a test replaces. */
function replaceable(files: Record<string, string>, paths: Record<string, string>) {
  const readText = (path: string) => {
    if (files[path] === undefined) throw new Error("there is no such file");
    return files[path];
  };
  const env = withSecretFiles({ ...api.env, ...paths }, readText);
  const config = parseConfig(env);
  return { config, ...liveSecrets({ config, ...heardLog() }, env, readText), readText, env };
}

Deno.test("liveSecrets() replaces what may be replaced, and says what takes a restart", () => {
  const files: Record<string, string> = {
    tokens: tokenEntry("one"),
    smtp: "smtp://a.example",
    key: "first",
  };
  const { config, env, readText } = replaceable(files, {
    API_TOKENS_FILE: "tokens",
    SMTP_URL_FILE: "smtp",
    WEBHOOK_SECRETS_KEY_FILE: "key",
  });
  const heard = heardLog();
  const secrets = liveSecrets({ config, log: heard.log }, env, readText);
  secrets.reload!();
  assert.deepEqual(heard.lines, []);
  Object.assign(files, {
    tokens: `${tokenEntry("two")}\n`,
    smtp: "smtp://b.example",
    key: "other",
  });
  secrets.reload!();
  secrets.reload!();
  assert.deepEqual(config.apiTokens.map(({ hash }) => hash), [tokenHash("two")]);
  assert.equal(config.smtpUrl, "smtp://b.example");
  assert.equal(config.webhookSecretsKey, "first");
  assert.deepEqual(heard.lines, [
    "info: secret reloaded API_TOKENS",
    "info: secret reloaded SMTP_URL",
    "warn: secret changed, which takes a restart WEBHOOK_SECRETS_KEY",
  ]);
});

Deno.test("liveSecrets() keeps a secret whose file is gone, empty, wrong, or would let everybody in", () => {
  const files: Record<string, string> = { tokens: tokenEntry("one") };
  const { config, env, readText } = replaceable(files, { API_TOKENS_FILE: "tokens" });
  const heard = heardLog();
  const secrets = liveSecrets({ config, log: heard.log }, env, readText);
  for (const text of [undefined, " ", "shop:nonsense", ",", undefined]) {
    if (text === undefined) delete files.tokens;
    else files.tokens = text;
    secrets.reload!();
    assert.deepEqual(config.apiTokens.map(({ hash }) => hash), [tokenHash("one")]);
    assert.match(heard.lines.pop()!, /^error: secret not reloaded API_TOKENS/);
  }
  files.tokens = tokenEntry("one");
  secrets.reload!();
  assert.deepEqual(heard.lines, ["info: secret reloaded API_TOKENS"]);
});

Deno.test("madeOf() makes a thing once for each setting", () => {
  let setting = "a";
  const made: string[] = [];
  const thing = madeOf(() => setting, (text) => made.push(text));
  assert.deepEqual([thing(), thing()], [1, 1]);
  setting = "b";
  assert.deepEqual([thing(), thing()], [2, 2]);
  assert.deepEqual(made, ["a", "b"]);
});

Deno.test("serve takes tokens of a file anew on SIGHUP, ends streams of those that are gone or may no more, and goes on", async () => {
  // The task reads below the project's folder.
  const data = fileURLToPath(new URL(".data", root));
  await Deno.mkdir(data, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: data, prefix: "secrets_" });
  const tokens = `${folder}/tokens`;
  const database = `${folder}/database`;
  await Deno.writeTextFile(tokens, `${tokenEntry("one")},${tokenEntry("less")}\n`);
  await Deno.writeTextFile(database, `${api.env.DATABASE_URL}\n`);
  const { DATABASE_URL: _, ...env } = api.env;
  const process = new Deno.Command(Deno.execPath(), {
    args: await taskArguments("serve"),
    cwd: root,
    env: {
      ...env,
      DATABASE_URL_FILE: database,
      API_TOKENS_FILE: tokens,
      PORT: "0",
      LOG_FORMAT: "json",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const errors = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value: first = "" } = await reader.read();
    const url = /^Listening on (http:\/\/\S+)/.exec(first)?.[1];
    assert.ok(url, first);
    const ask = async (token: string, path = "/kpis") => {
      const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
      return await fetch(`${url}${path}`, { headers });
    };
    const status = async (token: string) => {
      const response = await ask(token);
      await response.body?.cancel();
      return response.status;
    };
    assert.deepEqual([await status("one"), await status("two")], [200, 401]);
    const streams = [
      await ask("one", "/events"),
      await ask("less", "/events"),
      await ask("less", "/dashboard/live"),
    ];
    assert.deepEqual(streams.map(({ status }) => status), [200, 200, 200]);
    await Deno.writeTextFile(tokens, `${tokenEntry("two")},${tokenEntry("less", "orders")}`);
    process.kill("SIGHUP");
    let said = "";
    while (!said.includes("secret reloaded")) {
      const { done, value } = await errors.read();
      assert.ok(!done, said);
      said += value;
    }
    assert.deepEqual([await status("one"), await status("two"), await status("less")], [
      401,
      200,
      403,
    ]);
    // They end by themselves.
    const signal = AbortSignal.timeout(30_000);
    await Promise.all(streams.map(({ body }) => body!.pipeTo(new WritableStream(), { signal })));
    process.kill("SIGTERM");
    assert.equal((await process.status).code, 0);
  } finally {
    await errors.cancel();
    await reader.cancel();
    await Deno.remove(folder, { recursive: true });
  }
});
