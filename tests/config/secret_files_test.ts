import assert from "node:assert/strict";
import { secretSettings, withSecretFiles } from "../../config/secret_files.ts";
import { settings } from "../../config/settings.ts";
import { WorkflowError } from "../../domain/errors.ts";

const files: Record<string, string> = {
  "/run/secrets/db": "mysql://u:p@db/orders\n",
  "/run/secrets/tokens": "\n a:b \n",
  "/run/secrets/empty": " \n",
};

function readText(path: string): string {
  const text = files[path];
  if (text === undefined) throw new Error("there is no such file");
  return text;
}

Deno.test("withSecretFiles() takes secrets from the files that the environment names", () => {
  const env = {
    DATABASE_URL_FILE: "/run/secrets/db",
    API_TOKENS_FILE: " /run/secrets/tokens ",
    REDIS_URL: "redis://r",
    SMTP_URL_FILE: "",
    // No secret, so no file is looked for.
    HOST_FILE: "/run/secrets/none",
  };
  assert.deepEqual(withSecretFiles(env, readText), {
    ...env,
    DATABASE_URL: "mysql://u:p@db/orders",
    API_TOKENS: "a:b",
  });
});

Deno.test("withSecretFiles() names every file that can't be used at once, and no secret", () => {
  const env = {
    DATABASE_URL: "mysql://u:secret@db/orders",
    DATABASE_URL_FILE: "/run/secrets/db",
    REDIS_URL_FILE: "/run/secrets/none",
    GATEWAY_TOKEN_FILE: "/run/secrets/empty",
  };
  assert.throws(() => withSecretFiles(env, readText), (error) => {
    assert.ok(error instanceof WorkflowError);
    assert.equal(error.code, "bad_settings");
    assert.deepEqual(error.faults, [
      {
        at: "DATABASE_URL_FILE",
        detail: "names a file, but DATABASE_URL is set as well; set one of them",
      },
      {
        at: "REDIS_URL_FILE",
        detail: "names /run/secrets/none, which cannot be read: there is no such file",
      },
      { at: "GATEWAY_TOKEN_FILE", detail: "names /run/secrets/empty, which is empty" },
    ]);
    assert.doesNotMatch(error.message, /secret@/);
    return true;
  });
});

Deno.test("withSecretFiles() does not repeat a secret that stands where a path should", () => {
  const secrets = {
    DATABASE_URL_FILE: "mysql://u:secret@db/orders",
    WEBHOOK_SECRETS_KEY_FILE: `secret${"aB3/".repeat(9)}x=`,
    GATEWAY_SECRETS_FILE: "whsec_secret",
    API_TOKENS_FILE: `secret:${"0".repeat(64)}:admin`,
  };
  assert.throws(() => withSecretFiles(secrets, readText), (error) => {
    assert.ok(error instanceof WorkflowError);
    assert.equal(error.faults.length, Object.keys(secrets).length);
    assert.doesNotMatch(error.message, /secret[@aB_:]|_secret/);
    return true;
  });
});

Deno.test("every setting that holds a password, a token or a key may stand in a file", () => {
  const named = settings.filter(({ name }) =>
    /_(TOKENS?|SECRETS?|KEYS?|PASSWORDS?)(_|$)/.test(name)
  );
  assert.deepEqual(named.filter(({ isSecret }) => !isSecret).map(({ name }) => name), []);
  assert.deepEqual(secretSettings.map(({ name }) => name), [
    "DATABASE_URL",
    "READ_DATABASE_URL",
    "REDIS_URL",
    "API_TOKENS",
    "GATEWAY_TOKEN",
    "GATEWAY_SECRETS",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRETS",
    "SMTP_URL",
    "NOTIFY_WEBHOOK_URL",
    "NOTIFY_WEBHOOK_SECRETS",
    "WEBHOOK_SECRETS_KEY",
    "ALERT_WEBHOOK_URL",
    "ALERT_WEBHOOK_SECRETS",
    "ERASURE_SECRET",
  ]);
});
