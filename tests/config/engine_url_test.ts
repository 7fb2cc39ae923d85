import assert from "node:assert/strict";
import { readDatabaseUrl, readRedisUrls } from "../../config/engine_url.ts";
import { parseConfig } from "../../config/config.ts";
import { WorkflowError } from "../../domain/errors.ts";

const database = (rest: string) => readDatabaseUrl(`mysql://u:p@db.example/orders${rest}`);
const faultOf = (rest: string) => database(rest).faults.join("; ");

Deno.test("readDatabaseUrl() reads every part, addresses of IPv6 without brackets", () => {
  const { address, faults } = readDatabaseUrl("mysql://us%40er:p%2Fa%3Ass@db.example:3307/or%20d");
  assert.deepEqual(faults, []);
  assert.deepEqual(address, {
    host: "db.example",
    port: 3307,
    user: "us@er",
    password: "p/a:ss",
    name: "or d",
    tls: null,
  });
  for (
    const [url, host, port] of [
      ["mysql://u:p@[::1]:3307/orders", "::1", 3307],
      ["mysql://u:p@[2001:db8::17]/orders", "2001:db8::17", 3306],
      ["mariadb://u:p@10.0.0.7/orders", "10.0.0.7", 3306],
      ["mysql:///orders", "127.0.0.1", 3306],
    ] as const
  ) {
    const { address } = readDatabaseUrl(url);
    assert.deepEqual([address.host, address.port], [host, port], url);
  }
  assert.equal(database("?socket=/run/my.sock").address.socket, "/run/my.sock");
});

Deno.test("readDatabaseUrl() reads several hosts, and refuses what is none", () => {
  const { address, faults } = readDatabaseUrl(
    "mysql://u:p%2C%40@a:3307,b,[::1]:3309/orders?ssl-mode=required",
  );
  assert.deepEqual(faults, []);
  assert.deepEqual(address, {
    host: "a",
    port: 3307,
    hosts: [{ host: "a", port: 3307 }, { host: "b", port: 3306 }, { host: "::1", port: 3309 }],
    user: "u",
    password: "p,@",
    name: "orders",
    tls: { mode: "required" },
  });
  for (
    const [url, detail] of [
      ["mysql://u:p@a,,b/orders", /has "" among its hosts, which is none; write a:3306,b:3306/],
      ["mysql://u:p@a,b:99999/orders", /has "b:99999" among its hosts/],
      ["mysql://u:p@a,b,a:3306/orders", /names the host a:3306 twice/],
      ["mysql://u:p@a,b/orders?socket=/s", /several hosts beside a Unix socket/],
      ["mysql://u:p@a:3306,u:p@b:3306/orders", /write it once: mysql:/],
      ["mysql://u@a,u@b/orders", /write it once: mysql:/],
      ["mysql://u:p@a/orders,mysql://u:p@b/orders", /write it once: mysql:/],
    ] as const
  ) assert.match(readDatabaseUrl(url).faults.join("; "), detail, url);
  const sentinels = readRedisUrls("redis+sentinel://u:p@a:1,u:p@b:2/main").faults;
  assert.match(sentinels.join("; "), /write it once: redis\+sentinel:/);
  const plain = "mysql://u:p@ss,word@a:3306,b:3306/orders";
  assert.deepEqual(readDatabaseUrl(plain).faults, [], "a password may have both");
  const several = { DATABASE_URL: "mysql://u:p@a:3306,b:3306/orders", REDIS_URL: "redis://h" };
  assert.equal(parseConfig(several).databaseUrl, several.DATABASE_URL);
  assert.throws(
    () => parseConfig({ ...several, READ_DATABASE_URL: "mysql://u:p@a:3306,b:3306/orders" }),
    /READ_DATABASE_URL must name one replica, or one address behind which there are several/,
  );
});

Deno.test("readDatabaseUrl() reads how the way is encrypted", () => {
  assert.equal(database("").address.tls, null);
  assert.equal(database("?ssl-mode=disabled").address.tls, null);
  assert.deepEqual(database("?ssl-mode=required").address.tls, { mode: "required" });
  assert.deepEqual(database("?ssl-mode=REQUIRED").address.tls, { mode: "required" });
  assert.deepEqual(database("?ssl-mode=VERIFY_CA&ssl-ca=/ca.pem").address.tls, {
    mode: "verify-ca",
    ca: "/ca.pem",
  });
  assert.deepEqual(
    database("?ssl-mode=verify-identity&ssl-ca=/ca.pem&ssl-cert=/c.pem&ssl-key=/k.pem").address.tls,
    { mode: "verify-identity", ca: "/ca.pem", cert: "/c.pem", key: "/k.pem" },
  );
  // Who names an authority wants to know whom it has vouched for.
  assert.equal(database("?ssl-ca=/ca.pem").address.tls?.mode, "verify-identity");
});

Deno.test("readDatabaseUrl() refuses parameters that it does not know, and names the right ones", () => {
  for (
    const [rest, detail] of [
      ["?sslmode=verify-full", /sslmode, which is written ssl-mode=verify-identity/],
      ["?sslmode=require", /written ssl-mode=required/],
      ["?sslaccept=strict", /sslaccept, which is written ssl-mode=verify-identity/],
      ["?ssl=true", /parameter ssl, which is written ssl-mode=verify-identity/],
      ["?ssl=false", /parameter ssl, which is written ssl-mode=disabled/],
      ["?useSSL=false", /written ssl-mode=disabled/],
      ["?SSL_MODE=REQUIRED", /written ssl-mode=required/],
      ["?sslrootcert=/ca.pem", /written ssl-ca/],
      ["?ssl_ca=/ca.pem", /written ssl-ca/],
      ["?unix_socket=/s", /written socket/],
      ["?sockte=/s", /unknown parameter sockte; the nearest known one is socket/],
      ["?ssl-mde=required", /nearest known one is ssl-mode/],
      ["?connectionLimit=5", /unknown parameter connectionLimit; there are socket, ssl-mode/],
      ["?ssl-mode=preferred", /one of disabled, required, .* not "preferred"/],
      ["?ssl-mode=", /ssl-mode without a value/],
      ["?ssl-mode=required&ssl-mode=disabled", /ssl-mode twice/],
      ["?ssl-mode=disabled&ssl-ca=/ca.pem", /certificates that are of no use/],
      ["?ssl-cert=/c.pem", /both ssl-cert and ssl-key/],
      ["?socket=/s&ssl-mode=required", /beside a Unix socket/],
    ] as const
  ) assert.match(faultOf(rest), detail, rest);
  assert.match(readDatabaseUrl("mysql://u:p%zz@h/orders").faults.join(), /a % in its password/);
});

Deno.test("readRedisUrls() reads nodes, and verifies the identity unless it is told not to", () => {
  const one = (url: string) => readRedisUrls(url).address[0]!;
  assert.deepEqual(one("redis://:secret@cache.example:6380/2"), {
    host: "cache.example",
    port: 6380,
    user: "",
    password: "secret",
    db: 2,
    tls: null,
  });
  assert.equal(one("redis://[::1]").host, "::1");
  assert.deepEqual(one("rediss://cache.example").tls, { mode: "verify-identity" });
  assert.deepEqual(one("rediss://cache.example?ssl-ca=/ca.pem").tls, {
    mode: "verify-identity",
    ca: "/ca.pem",
  });
  assert.equal(one("rediss://cache.example?ssl-mode=required").tls?.mode, "required");
  const socket = one("unix:///run/redis.sock?db=3");
  assert.deepEqual([socket.socket, socket.db], ["/run/redis.sock", 3]);
  const cluster = readRedisUrls("rediss://a?ssl-ca=/c , rediss://b:7000?ssl-ca=/c");
  assert.deepEqual(cluster.faults, []);
  assert.deepEqual(cluster.address.map(({ host, port }) => [host, port]), [["a", 6379], [
    "b",
    7000,
  ]]);
});

Deno.test("readRedisUrls() reads sentinels, each as an address, and the master that they watch", () => {
  const { address, faults } = readRedisUrls(
    "redis+sentinel://app:s%2Fecret@a:26380,b,[::1]:26381/orders-master/3?sentinel-password=watch",
  );
  assert.deepEqual(faults, []);
  const common = {
    user: "app",
    password: "s/ecret",
    db: 3,
    tls: null,
    sentinel: { master: "orders-master", user: "", password: "watch" },
  };
  assert.deepEqual(address, [
    { host: "a", port: 26380, ...common },
    { host: "b", port: 26379, ...common },
    { host: "::1", port: 26381, ...common },
  ]);
  const encrypted = readRedisUrls("rediss+sentinel://a/m?ssl-ca=/ca.pem&password-file=/run/p&db=1");
  assert.deepEqual(encrypted.faults, []);
  assert.deepEqual(encrypted.address[0], {
    host: "a",
    port: 26379,
    user: "",
    password: "",
    passwordFile: "/run/p",
    db: 1,
    tls: { mode: "verify-identity", ca: "/ca.pem" },
    sentinel: { master: "m", user: "", password: "" },
  });
  const named = readRedisUrls("rediss://cluster.example?cluster=true&ssl-mode=verify-ca").address;
  assert.deepEqual(named.map(({ cluster, tls }) => [cluster, tls?.mode]), [[true, "verify-ca"]]);
  for (
    const url of [
      "redis+sentinel://a,b/m",
      "rediss+sentinel://u:p@a:1,b:2/m",
      "redis://h?cluster=true",
      "redis://a, redis://b",
    ]
  ) {
    const env = { DATABASE_URL: "mysql://h/orders", REDIS_URL: url };
    assert.equal(parseConfig({ ...env, REDIS_PREFIX: "{o}:" }).redisUrl, url);
    const needsTag = /cluster=true|, /.test(url);
    const alone = () => parseConfig(env);
    if (needsTag) assert.throws(alone, /REDIS_PREFIX must hold a hash tag/, url);
    else assert.equal(alone().redisUrl, url);
  }
});

Deno.test("readRedisUrls() refuses what it does not know, and what contradicts itself", () => {
  for (
    const [url, detail] of [
      ["rediss://h?ssl_cert_reqs=none", /ssl_cert_reqs, which is written ssl-mode=required/],
      ["rediss://h?rejectUnauthorized=false", /written ssl-mode=/],
      ["redis://h?tls=true", /written ssl-mode/],
      ["redis://h?ssl-ca=/ca.pem", /begins with redis:\/\/; write rediss:\/\//],
      ["unix:///s?ssl-mode=required", /begins with unix:\/\//],
      ["rediss://h?ssl-mode=disabled", /write redis:\/\/ for clear text/],
      ["redis://h?family=6", /unknown parameter family/],
      ["redis://h/orders", /by its number, not "orders"/],
      ["redis://a,rediss://b", /every node of a cluster alike/],
      ["redis://a/1,redis://b/1", /a cluster has only one/],
      ["redis://a/1?cluster=true", /a cluster has only one/],
      ["redis://a?cluster=yes", /true or false as its cluster, not "yes"/],
      ["redis://a?cluster=false,redis://b?cluster=false", /several nodes, which are a cluster/],
      ["unix:///s?cluster=true", /Unix socket, by which no cluster/],
      ["redis://:p@a?password-file=/f", /a password beside password-file/],
      ["redis://a?passwordfile=/f", /written password-file here/],
      ["redis+sentinel://a,b", /must name the master/],
      ["redis+sentinel://a,a/m", /names the host a:26379 twice/],
      ["redis+sentinel://a,:1/m", /among its hosts, which is none; write a:26379,b:26379/],
      ["redis+sentinel://a/m/x", /by its number, not "x"/],
      ["redis+sentinel://a/m/1/2", /more in its path/],
      ["redis+sentinel://a/m?cluster=true", /unknown parameter cluster/],
      ["redis+sentinel://a/m?ssl-ca=/f", /write rediss\+sentinel:\/\/ to encrypt/],
      ["rediss+sentinel://a/m?ssl-mode=disabled", /write redis\+sentinel:\/\/ for clear text/],
    ] as const
  ) assert.match(readRedisUrls(url).faults.join("; "), detail, url);
});

Deno.test("parseConfig() names every fault of the URLs at once, and no secret", () => {
  const env = {
    DATABASE_URL: "mysql://u:hidden@h/orders?sslmode=require&nonsense=1",
    REDIS_URL: "redis://:hidden@h?ssl=1",
  };
  assert.throws(() => parseConfig(env), (error) => {
    assert.ok(error instanceof WorkflowError && error.code === "bad_settings");
    assert.deepEqual(error.faults.map(({ at }) => at), [
      "DATABASE_URL",
      "DATABASE_URL",
      "REDIS_URL",
    ]);
    assert.doesNotMatch(error.message, /hidden/);
    return true;
  });
});
