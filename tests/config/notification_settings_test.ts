import assert from "node:assert/strict";
import { parseConfig } from "../../config/config.ts";

Deno.test("parseConfig() wants what a channel needs, and prints no secret of it", () => {
  const required = { DATABASE_URL: "mysql://h/n", REDIS_URL: "redis://h" };
  const faults = (env: Record<string, string>) => {
    try {
      parseConfig({ ...required, ...env });
      return [];
    } catch (error) {
      const { message, faults } = error as { message: string; faults: { at: string }[] };
      assert.doesNotMatch(message, /hidden/);
      return faults.map(({ at }) => at);
    }
  };
  assert.deepEqual(faults({ NOTIFY_CHANNELS: "log,email,webhook" }), [
    "NOTIFY_FROM",
    "SMTP_URL",
    "NOTIFY_WEBHOOK_URL",
    "NOTIFY_WEBHOOK_SECRETS",
  ]);
  for (const bad of ["sms", "log,log", ",", "log email", "LOG"]) {
    assert.deepEqual(faults({ NOTIFY_CHANNELS: bad }), ["NOTIFY_CHANNELS"], bad);
  }
  const email = {
    NOTIFY_CHANNELS: "email",
    SMTP_URL: "smtp://u:hidden@h:25",
    NOTIFY_FROM: "S <a@b.c>",
  };
  assert.deepEqual(faults(email), []);
  assert.deepEqual(faults({ ...email, SMTP_URL: "http://u:hidden@h" }), ["SMTP_URL"]);
  assert.deepEqual(faults({ ...email, SMTP_URL: "smtp://" }), ["SMTP_URL"]);
  assert.deepEqual(faults({ ...email, NOTIFY_FROM: "Shop" }), ["NOTIFY_FROM"]);
  assert.deepEqual(faults({ ...email, NOTIFY_FROM: "a@b.c, d@e.f" }), ["NOTIFY_FROM"]);
  const webhook = {
    NOTIFY_CHANNELS: " webhook , log ",
    NOTIFY_WEBHOOK_URL: "https://h/x",
    NOTIFY_WEBHOOK_SECRETS: `whsec_${btoa("x".repeat(24))}`,
  };
  assert.deepEqual(faults(webhook), []);
  assert.deepEqual(faults({ ...webhook, NOTIFY_WEBHOOK_URL: "ftp://h" }), ["NOTIFY_WEBHOOK_URL"]);
  assert.deepEqual(faults({ ...webhook, NOTIFY_WEBHOOK_URL: "https://u:hidden@h" }), [
    "NOTIFY_WEBHOOK_URL",
  ]);
  assert.deepEqual(faults({ ...webhook, NOTIFY_WEBHOOK_SECRETS: "whsec_hidden" }), [
    "NOTIFY_WEBHOOK_SECRETS",
  ]);
});
