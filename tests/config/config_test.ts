import assert from "node:assert/strict";
import { isLoopback, parseConfig, settings } from "../../config/config.ts";
import { WorkflowError } from "../../domain/errors.ts";

type Env = Record<string, string | undefined>;

const required: Env = {
  DATABASE_URL: "mysql://user:db-secret@host:3306/orders",
  REDIS_URL: "redis://:redis-secret@host:6379",
};

function faultsOf(env: Env): WorkflowError {
  try {
    parseConfig(env);
  } catch (error) {
    assert.ok(error instanceof WorkflowError && error.code === "bad_settings");
    return error;
  }
  throw new assert.AssertionError({ message: `no fault in ${JSON.stringify(env)}` });
}

const faultyNames = (env: Env) => faultsOf({ ...required, ...env }).faults.map(({ at }) => at);

Deno.test("parseConfig() has the promised default of every setting", () => {
  const config = parseConfig(required);
  assert.partialDeepStrictEqual(config, {
    databaseUrl: required.DATABASE_URL,
    redisUrl: required.REDIS_URL,
    redisPrefix: "",
    host: "127.0.0.1",
    port: { first: 8_000, tries: 1 },
    allowAnonymous: false,
    allowedHosts: [],
    trustedProxies: [],
    apiTokens: [],
    rateLimitPerMinute: 6_000,
    corsOrigins: [],
    baseCurrency: "EUR",
    kpiTimezone: "UTC",
    initialStock: 50,
    unknownSku: "create",
    gateway: "simulated",
    gatewayUrl: "",
    gatewayToken: "",
    gatewaySecrets: [],
    gatewayTimeoutMs: 5_000,
    gatewayDelayMs: 2_000,
    notifyChannels: ["log"],
    notifyFrom: "",
    smtpUrl: "",
    notifyWebhookUrl: "",
    notifyWebhookSecrets: [],
    notifyTimeoutMs: 10_000,
    alertWebhookUrl: "",
    alertWebhookSecrets: [],
    maxDeliveries: 5,
    retryBackoffMs: 5_000,
    reservationTtlSeconds: 900,
    shutdownTimeoutMs: 15_000,
    batchSize: 2_000,
    takeoverMs: 10_000,
    databaseConnections: 16,
    autoMigrate: true,
    logLevel: "info",
    logFormat: "auto",
  });
  const empty = Object.fromEntries(settings.map(({ name }) => [name, required[name] ?? " "]));
  assert.deepEqual(parseConfig(empty), config, "an empty value counts as not set");
});

const bounds: [
  name: string,
  key: keyof ReturnType<typeof parseConfig>,
  low: number,
  high: number,
][] = [
  ["INITIAL_STOCK", "initialStock", 0, 1_000_000_000],
  ["GATEWAY_DELAY_MS", "gatewayDelayMs", 0, 3_600_000],
  ["NOTIFY_TIMEOUT_MS", "notifyTimeoutMs", 100, 60_000],
  ["MAX_DELIVERIES", "maxDeliveries", 1, 100],
  ["RETRY_BACKOFF_MS", "retryBackoffMs", 0, 3_600_000],
  ["RESERVATION_TTL_SECONDS", "reservationTtlSeconds", 1, 2_592_000],
  ["SHUTDOWN_TIMEOUT_MS", "shutdownTimeoutMs", 0, 600_000],
  ["BATCH_SIZE", "batchSize", 1, 5_000],
  ["TAKEOVER_MS", "takeoverMs", 1_000, 3_600_000],
  ["DATABASE_CONNECTIONS", "databaseConnections", 1, 200],
  ["GATEWAY_TIMEOUT_MS", "gatewayTimeoutMs", 100, 60_000],
  ["RATE_LIMIT", "rateLimitPerMinute", 0, 1_000_000],
];

Deno.test("parseConfig() keeps every number within its bounds", () => {
  for (const [name, key, low, high] of bounds) {
    assert.equal(parseConfig({ ...required, [name]: ` ${low} ` })[key], low);
    assert.equal(parseConfig({ ...required, [name]: String(high) })[key], high);
    for (const bad of [low - 1, high + 1, "x", "1.5", "-1", "1e3", "0x10", "٣", "1_000"]) {
      assert.deepEqual(faultyNames({ [name]: String(bad) }), [name], `${name}=${bad}`);
    }
  }
});

Deno.test("parseConfig() takes a port, or the first that is free from one on", () => {
  const portOf = (PORT: string) => parseConfig({ ...required, PORT }).port;
  assert.deepEqual(portOf("0"), { first: 0, tries: 1 });
  assert.deepEqual(portOf("65535"), { first: 65_535, tries: 1 });
  const some = portOf("8000+");
  assert.ok(some.first === 8_000 && some.tries > 1);
  for (const bad of ["-1", "65536", "x", "1.5", "1e3", "+8000", "8000++", "65536+", "8000 +"]) {
    assert.deepEqual(faultyNames({ PORT: bad }), ["PORT"], bad);
  }
});

Deno.test("parseConfig() refuses words that it does not know", () => {
  const bad: Env = {
    GATEWAY: "paypal",
    LOG_LEVEL: "verbose",
    LOG_FORMAT: "xml",
    AUTO_MIGRATE: "yes",
    ALLOW_ANONYMOUS: "true",
    BASE_CURRENCY: "EURO",
    CORS_ORIGINS: "https://shop.example/",
    KPI_TIMEZONE: "Europe/Atlantis",
  };
  for (const [name, value] of Object.entries(bad)) {
    assert.deepEqual(faultyNames({ [name]: value }), [name]);
  }
  assert.equal(parseConfig({ ...required, BASE_CURRENCY: "gbp" }).baseCurrency, "GBP");
  assert.equal(
    parseConfig({ ...required, KPI_TIMEZONE: "Asia/Kathmandu" }).kpiTimezone,
    "Asia/Kathmandu",
  );
});

Deno.test("parseConfig() tells every fault at once and prints no secret", () => {
  const error = faultsOf({
    DATABASE_URL: "postgres://user:db-secret@host/orders",
    REDIS_URL: "http://:redis-secret@host",
    API_TOKENS: "token-secret",
    GATEWAY_SECRETS: "whsec_secret",
    PORT: "http",
    MAX_DELIVERIES: "0",
    LOG_LEVEL: "loud",
  });
  assert.deepEqual(error.faults.map(({ at }) => at), [
    "DATABASE_URL",
    "REDIS_URL",
    "PORT",
    "API_TOKENS",
    "GATEWAY_SECRETS",
    "MAX_DELIVERIES",
    "LOG_LEVEL",
  ]);
  for (const { at } of error.faults) assert.ok(error.message.includes(at), at);
  assert.ok(!error.message.includes("\n"), "one line");
  assert.doesNotMatch(JSON.stringify([error.message, error.faults]), /secret/);
});

Deno.test("parseConfig() posts alerts only signed", () => {
  const url = { ALERT_WEBHOOK_URL: "https://alerts.example/in" };
  const secret = `whsec_${btoa("x".repeat(24))}`;
  assert.deepEqual(faultyNames(url), ["ALERT_WEBHOOK_SECRETS"]);
  assert.deepEqual(faultyNames({ ...url, ALERT_WEBHOOK_SECRETS: "secret" }), [
    "ALERT_WEBHOOK_SECRETS",
  ]);
  for (const bad of ["ftp://a.example", "https://user:word@a.example"]) {
    const env = { ALERT_WEBHOOK_URL: bad, ALERT_WEBHOOK_SECRETS: secret };
    assert.deepEqual(faultyNames(env), ["ALERT_WEBHOOK_URL"], bad);
  }
  const config = parseConfig({
    ...required,
    ...url,
    ALERT_WEBHOOK_SECRETS: `${secret}, ${secret}`,
  });
  assert.deepEqual(config.alertWebhookSecrets, [secret, secret]);
});

Deno.test("parseConfig() wants both engines and the name of a database", () => {
  assert.deepEqual(faultsOf({}).faults.map(({ at }) => at), ["DATABASE_URL", "REDIS_URL"]);
  for (const url of ["mysql://host", "mysql://host/", "mysql://host/a/b", "not a url"]) {
    const error = faultsOf({ ...required, DATABASE_URL: url });
    assert.deepEqual([...new Set(error.faults.map(({ at }) => at))], ["DATABASE_URL"], url);
  }
  for (const url of ["mysql://u:p@h/n?socket=/run/db.sock", "mariadb://h:3307/n"]) {
    assert.equal(parseConfig({ ...required, DATABASE_URL: url }).databaseUrl, url);
  }
});

Deno.test("parseConfig() takes every form of REDIS_URL, and a cluster only with a hash tag", () => {
  for (const url of ["redis://h", "rediss://u:p@h:1", "unix:///run/redis.sock"]) {
    assert.equal(parseConfig({ ...required, REDIS_URL: url }).redisUrl, url);
  }
  const nodes = "redis://a:1,redis://b:2";
  assert.deepEqual(faultyNames({ REDIS_URL: nodes }), ["REDIS_PREFIX"]);
  assert.deepEqual(faultyNames({ REDIS_URL: nodes, REDIS_PREFIX: "{}" }), ["REDIS_PREFIX"]);
  const config = parseConfig({ ...required, REDIS_URL: nodes, REDIS_PREFIX: "{orders}:" });
  assert.equal(config.redisPrefix, "{orders}:");
  assert.deepEqual(faultyNames({ REDIS_URL: "redis://a:1,b", REDIS_PREFIX: "{o}" }), ["REDIS_URL"]);
});

Deno.test("parseConfig() listens beyond loopback only with tokens, or where ALLOW_ANONYMOUS=1 says so", () => {
  const token = `shop:${"0f".repeat(32)}:read`;
  for (const host of ["0.0.0.0", "::", "192.168.1.5", "example.com", "127.0.0.1.example.com"]) {
    assert.deepEqual(faultyNames({ HOST: host }), ["HOST"], host);
    assert.equal(parseConfig({ ...required, HOST: host, ALLOW_ANONYMOUS: "1" }).host, host);
    assert.equal(parseConfig({ ...required, HOST: host, API_TOKENS: token }).host, host);
    // As two variables leave it that are not set.
    assert.deepEqual(faultyNames({ HOST: host, API_TOKENS: "," }), ["API_TOKENS", "HOST"]);
  }
  for (const tokens of [",", " , \n,"]) {
    assert.deepEqual(faultyNames({ API_TOKENS: tokens }), ["API_TOKENS"], tokens);
  }
  for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"]) {
    assert.equal(parseConfig({ ...required, HOST: host }).host, host);
    assert.ok(isLoopback(host));
  }
});

Deno.test("settings names every variable once and says what it means", () => {
  const names = settings.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, meaning } of settings) {
    assert.match(name, /^[A-Z_]+$/);
    assert.ok(meaning.length > 10, name);
  }
});

Deno.test("parseConfig() takes origins of web pages, and nothing else as one", () => {
  const CORS_ORIGINS = "https://shop.example, http://localhost:3000";
  const config = parseConfig({ ...required, CORS_ORIGINS });
  assert.deepEqual(config.corsOrigins, ["https://shop.example", "http://localhost:3000"]);
  for (const bad of ["*", "null", "shop.example", "https://a.example/x", "file:///", "HTTPS://A"]) {
    assert.deepEqual(faultyNames({ CORS_ORIGINS: bad }), ["CORS_ORIGINS"], bad);
  }
});

Deno.test("parseConfig() wants an address and a secret for a provider over HTTP", () => {
  const secret = (bytes: number) => `whsec_${btoa("x".repeat(bytes))}`;
  const http = {
    GATEWAY: "http",
    GATEWAY_URL: "https://pay.example/v1",
    GATEWAY_SECRETS: secret(32),
  };
  const config = parseConfig({ ...required, ...http });
  assert.deepEqual([config.gateway, config.gatewaySecrets], ["http", [secret(32)]]);
  assert.deepEqual(faultyNames({ GATEWAY: "http" }), ["GATEWAY_URL", "GATEWAY_SECRETS"]);
  const two = `${secret(24)}, ${secret(64)}`;
  assert.equal(
    parseConfig({ ...required, ...http, GATEWAY_SECRETS: two }).gatewaySecrets.length,
    2,
  );
  for (const bad of [secret(23), secret(65), "whsec_", "x".repeat(40), `${two},${secret(30)}`]) {
    assert.deepEqual(faultyNames({ ...http, GATEWAY_SECRETS: bad }), ["GATEWAY_SECRETS"], bad);
  }
  assert.deepEqual(faultyNames({ ...http, GATEWAY_URL: "pay.example" }), ["GATEWAY_URL"]);
});

Deno.test("parseConfig() names the setting whose user name or password can't be read, and not its value", () => {
  const secret = `whsec_${btoa("s".repeat(32))}`;
  const all = {
    NOTIFY_CHANNELS: "log,email,webhook",
    NOTIFY_FROM: "orders@shop.example",
    NOTIFY_WEBHOOK_SECRETS: secret,
    ALERT_WEBHOOK_SECRETS: secret,
    GATEWAY: "http",
    GATEWAY_SECRETS: secret,
    GATEWAY_URL: "https://pay.example",
    NOTIFY_WEBHOOK_URL: "https://shop.example",
    SMTP_URL: "smtp://mail.example",
  };
  const bad: Env = {
    DATABASE_URL: "mysql://ann:50%off@host/orders",
    REDIS_URL: "redis://:50%off@host, redis://host",
    SMTP_URL: "smtp://ann:50%off@host",
    GATEWAY_URL: "https://ann:50%off@host",
    ALERT_WEBHOOK_URL: "https://ann:50%off@host",
  };
  for (const [name, value] of Object.entries(bad)) {
    const error = faultsOf({ ...required, ...all, REDIS_PREFIX: "{o}:", [name]: value });
    assert.equal(error.faults[0]!.at, name);
    assert.match(error.faults[0]!.detail, /"%".*%25/);
    assert.doesNotMatch(error.message, /off/);
  }
  for (const password of ["a#b", "a/b", "a?b"]) {
    const error = faultsOf({
      ...required,
      ...all,
      DATABASE_URL: `mysql://ann:${password}@host/orders`,
    });
    assert.match(error.faults[0]!.detail, /%2F, %3F, %23/, password);
  }
  parseConfig({ ...required, DATABASE_URL: "mysql://ann:50%25off@host/orders" });
});

Deno.test("parseConfig() repeats nothing of a password by which the URL was taken apart otherwise", () => {
  for (const start of ["/", "?", "#", "12/", "12?", "/12"]) {
    const end = `${start}secret=@host`;
    const urls: Env = {
      DATABASE_URL: `mysql://ann:${end}/orders`,
      REDIS_URL: `redis://ann:${end}:6379/0`,
      SMTP_URL: `smtp://ann:${end}:587`,
    };
    const more = [`unix://ann:${end}/run/redis.sock`, `redis+sentinel://ann:${end}:26379/main`];
    const cases = [...Object.entries(urls), ...more.map((url) => ["REDIS_URL", url])];
    for (const [name, url] of cases as [string, string][]) {
      const channel = { NOTIFY_CHANNELS: "email", NOTIFY_FROM: "shop@example.com" };
      const error = faultsOf({
        ...required,
        ...channel,
        SMTP_URL: "smtp://mail.example",
        [name]: url,
      });
      assert.match(error.faults[0]!.detail, /%2F, %3F, %23/, url);
      assert.doesNotMatch(error.message, /secret/, url);
    }
  }
  const files = "redis://host/0?ssl-ca=/etc/ssl/a@b.pem";
  for (const url of ["unix:///run/redis@6379.sock", files.replace("redis:", "rediss:")]) {
    parseConfig({ ...required, REDIS_URL: url });
  }
});

Deno.test("parseConfig() takes names and networks, and nothing else as one", () => {
  const config = parseConfig({
    ...required,
    ALLOWED_HOSTS: "Orders.Example, orders.example:8443,[::1]",
    TRUSTED_PROXIES: "127.0.0.1, fd00::/8",
  });
  assert.deepEqual(config.allowedHosts, ["orders.example", "orders.example:8443", "[::1]"]);
  assert.deepEqual(config.trustedProxies.map(({ prefix }) => prefix), [32, 8]);
  for (const value of ["https://orders.example", "a b", "orders.example/x", "a:99999", "*@x"]) {
    assert.deepEqual(faultyNames({ ALLOWED_HOSTS: value }), ["ALLOWED_HOSTS"], value);
  }
  for (const value of ["proxy.example", "10.0.0.0/33", "10.0.0"]) {
    assert.deepEqual(faultyNames({ TRUSTED_PROXIES: value }), ["TRUSTED_PROXIES"], value);
  }
});

Deno.test("parseConfig() says what needs a setting, and looks at none that nothing needs", () => {
  const messageOf = (env: Env) =>
    faultsOf({ ...required, ...env }).message.slice("Bad settings: ".length);
  assert.equal(
    messageOf({ NOTIFY_CHANNELS: "log, email" }),
    "NOTIFY_FROM is required with the channel email; SMTP_URL is required with the channel email",
  );
  assert.equal(
    messageOf({ GATEWAY: "http", GATEWAY_SECRETS: `whsec_${btoa("x".repeat(24))}` }),
    "GATEWAY_URL is required with GATEWAY=http",
  );
  assert.equal(messageOf({ DATABASE_URL: " " }), "DATABASE_URL is required");
  assert.equal(messageOf({ PORT: "070000" }), 'PORT must be an integer 0…65535, not "070000"');
  assert.equal(
    messageOf({ GATEWAY: "x" }),
    'GATEWAY must be one of simulated, http, stripe, not "x"',
  );
  const leftOver = { GATEWAY_URL: "x", NOTIFY_FROM: "x", SMTP_URL: "x", NOTIFY_WEBHOOK_URL: "x" };
  assert.equal(parseConfig({ ...required, ...leftOver }).smtpUrl, "x");
});

Deno.test("parseConfig() reads several providers and the routes to them", () => {
  const { furtherGateways, gatewayRoutes } = parseConfig({
    ...required,
    FURTHER_GATEWAYS: "stripe",
    STRIPE_SECRET_KEY: "sk_test_1",
    STRIPE_WEBHOOK_SECRETS: "whsec_12345678",
    GATEWAY_ROUTES: "USD=stripe, */card=stripe,*/*=simulated",
  });
  assert.deepEqual(furtherGateways, ["stripe"]);
  assert.deepEqual(gatewayRoutes, [
    { currency: "USD", method: null, provider: "stripe" },
    { currency: null, method: "card", provider: "stripe" },
    { currency: null, method: null, provider: "simulated" },
  ]);
  const bad: [Env, string][] = [
    [{ FURTHER_GATEWAYS: "stripe" }, "STRIPE_SECRET_KEY is required with GATEWAY=stripe"],
    [
      { FURTHER_GATEWAYS: "stripe", STRIPE_SECRET_KEY: "pk_live_1" },
      "STRIPE_SECRET_KEY must be a secret key (sk_…) or a restricted key (rk_…) of Stripe",
    ],
    [{ FURTHER_GATEWAYS: "http" }, "GATEWAY_URL is required with GATEWAY=http"],
    [{ FURTHER_GATEWAYS: "paypal" }, "FURTHER_GATEWAYS must be some of"],
    [{ GATEWAY_ROUTES: "usd=simulated" }, "GATEWAY_ROUTES must be rows such as"],
    [{ GATEWAY_ROUTES: "USD=http" }, 'leads to "http", which is neither GATEWAY nor one of'],
  ];
  for (const [env, said] of bad) {
    assert.ok(faultsOf({ ...required, ...env }).message.includes(said), said);
  }
});
