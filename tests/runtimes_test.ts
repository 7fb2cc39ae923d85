import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { bun } from "../runtime/bun.ts";
import { networkInterfaces } from "node:os";
import { freePort } from "../tools/engines/free_port.ts";
import service from "../main.ts";
import { filesOnBun } from "./all_on_bun.ts";
import { filesNotOnBun, runsOnBun, tasksNotOnBun, testsNotOnBun } from "./not_on_bun.ts";
import { type Api, openApi, orderBodyOf } from "./routes/api.ts";
import { typedTask } from "./typed_task.ts";

const root = new URL("../", import.meta.url);
const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(new URL(path, root)));

Deno.test("package.json names the same packages in the same versions as deno.json", async () => {
  const [deno, bun] = [await readJson("deno.json"), await readJson("package.json")];
  assert.equal(bun.name, deno.name);
  assert.equal(bun.version, deno.version);
  assert.equal(bun.license, deno.license);
  const packages = Object.entries<string>(deno.imports).flatMap(([name, specifier]) => {
    const [, path, version] = /^npm:\/?(.+)@([^@/]+)\/?$/.exec(specifier) ?? [];
    if (path === undefined) return [];
    assert.equal(path, name.replace(/\/$/, ""));
    return [[path, version]];
  });
  assert.ok(packages.length > 20);
  assert.deepEqual(bun.dependencies, Object.fromEntries(packages));
  const locked = await Deno.readTextFile(new URL("bun.lock", root));
  for (const [name, version] of packages) {
    assert.ok(locked.includes(`"${name}@${version}"`), `bun install brings bun.lock up to date`);
  }
});

Deno.test("package.json has a script for every task that is not about Deno itself", async () => {
  const { tasks } = await readJson("deno.json");
  const { scripts } = await readJson("package.json");
  const expected = Object.entries<{ command: string }>(tasks)
    .filter(([name]) => !Object.hasOwn(tasksNotOnBun, name) && name !== "compile")
    // Where the shell completes the command, it does by what is about Deno.
    .map(([name, { command }]) => [
      name,
      `bun run ${/\S+\.ts.*$/.exec(command)?.[0] ?? `main.ts ${name}`}`,
    ]);
  for (const [name, why] of Object.entries(tasksNotOnBun)) {
    assert.ok(Object.hasOwn(tasks, name), `there is no task ${name}`);
    assert.ok(why.length > 20, name);
  }
  // Bun makes a single executable; Deno would have to download what one begins with.
  const { compile, ...others } = scripts;
  assert.equal(compile, "bun run tools/compile/build.ts");
  assert.deepEqual(others, Object.fromEntries(expected));
});

Deno.test("test:bun runs every test file but those that are put down with a reason, each of which is there", async () => {
  const files: string[] = [];
  for (const path of await readdir(new URL("tests/", root), { recursive: true })) {
    if (/_test\.tsx?$/.test(path)) files.push(`tests/${path}`);
  }
  const onBun = await filesOnBun();
  assert.ok(onBun.length > 200);
  assert.deepEqual(onBun, files.filter(runsOnBun).sort());
  for (const [left, why] of Object.entries(filesNotOnBun)) {
    assert.ok(files.some((file) => file.startsWith(left)), `${left} is no test file`);
    assert.ok(why.length > 20, left);
  }
  for (const { file, name, why } of testsNotOnBun) {
    assert.ok(runsOnBun(file), `${file} is left out whole`);
    const source = await Deno.readTextFile(new URL(file, root));
    assert.ok(source.includes(`Deno.test("${name}`), `${file} has no test "${name}"`);
    assert.ok(why.length > 20, name);
  }
});

Deno.test("messages name commands as they are typed on this runtime", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: typedTask("kpis", "--help"),
    cwd: root,
    stderr: "null",
  }).output();
  assert.equal(code, 0);
  const first = bun === undefined ? "deno task" : "bun run";
  assert.match(new TextDecoder().decode(stdout), new RegExp(`^Usage: ${first} kpis `, "m"));
});

Deno.test("tsconfig.json gives Bun the compiler options of deno.json, and its links by name", async () => {
  const { imports, links } = await readJson("deno.json");
  const paths: Record<string, string[]> = {};
  for (const link of links) {
    const { name, version, exports } = await readJson(`${link}/deno.json`);
    assert.match(imports[name], new RegExp(`^jsr:${name}@\\^${version}$`));
    for (const [entry, file] of Object.entries<string>(exports)) {
      paths[`${name}/${entry.slice(2)}`] = [`${link}/${file.slice(2)}`];
    }
  }
  assert.deepEqual(await readJson("tsconfig.json"), {
    extends: "./deno.json",
    compilerOptions: { paths },
  });
});

Deno.test("the service as a module opens nothing, and says 503 and no more where settings are missing", async () => {
  // Else private engines would be started.
  Deno.env.set("REQUIRE_SETTINGS", "1");
  const said: string[] = [];
  const { error } = console;
  console.error = (line) => said.push(line);
  try {
    for (let asked = 0; asked < 2; asked++) {
      const answer = await service.fetch(new Request("http://localhost/livez"));
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.doesNotMatch(await answer.text(), /DATABASE_URL/);
    }
  } finally {
    console.error = error;
  }
  assert.equal(said.length, 1, "two requests, one attempt");
  assert.match(said[0]!, /^The service cannot start: .*DATABASE_URL/);
});

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("runtimes");
});
Deno.test.afterAll(() => api.close());

/** The service for the runtime's own server: `deno serve`, or Bun's, which listens everywhere on PORT. */
function servedBy(host: string, port: number): string[] {
  return bun === undefined
    ? ["serve", "-q", "-P=app", `--host=${host}`, `--port=${port}`, "main.ts"]
    : ["run", "main.ts"];
}

Deno.test("the runtime's server takes the service: it answers without consumers and ends in order on SIGTERM", async () => {
  const port = await freePort();
  const process = new Deno.Command(Deno.execPath(), {
    args: servedBy("127.0.0.1", port),
    cwd: root,
    env: { ...api.env, LOG_LEVEL: "error", PORT: String(port) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [output, errors] = [process.stdout, process.stderr]
    .map((stream) => new Response(stream).text());
  const ask = async (path: string, init?: RequestInit) => {
    for (let tried = 0;; tried++) {
      try {
        return await fetch(`http://127.0.0.1:${port}${path}`, init);
      } catch (error) {
        if (tried === 200) throw new Error(`no answer: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  };
  const taken = await ask("/orders", {
    method: "POST",
    body: JSON.stringify(orderBodyOf()),
    headers: { "content-type": "application/json" },
  });
  assert.equal(taken.status, 202, await taken.clone().text());
  const { id } = await taken.json();
  const shown = await (await ask(`/orders/${id}`)).json();
  assert.equal(shown.status, "PENDING", "nobody consumes");
  const { data } = await (await ask("/streams")).json().then((body) => ({ data: body }));
  assert.match(JSON.stringify(data), /"orders"/);
  process.kill("SIGTERM");
  const { code } = await process.status;
  // Bun says itself where it listens.
  assert.match(await output!, bun === undefined ? /^$/ : /^Started .*\n$/);
  assert.deepEqual([code, await errors], [0, ""]);
});

/** An address of this machine by which others reach it; undefined where there is none. */
const outerAddress = Object.values(networkInterfaces()).flat()
  .find((one) => one?.family === "IPv4" && !one.internal)?.address;

Deno.test("the runtime's server answers this machine alone where nobody is asked who they are", async () => {
  if (outerAddress === undefined) {
    return console.error("Not tried: this machine has no other address");
  }
  const port = await freePort();
  const process = new Deno.Command(Deno.execPath(), {
    args: servedBy("0.0.0.0", port),
    cwd: root,
    env: { ...api.env, LOG_LEVEL: "error", PORT: String(port) },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  // By hand: whoever means harm says that they ask for localhost.
  const statusFor = async (hostname: string) => {
    for (let tried = 0;; tried++) {
      try {
        using connection = await Deno.connect({ hostname, port });
        const request = "GET /orders HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        await connection.write(new TextEncoder().encode(request));
        const answer = new Uint8Array(12);
        await connection.read(answer);
        return new TextDecoder().decode(answer);
      } catch (error) {
        if (tried === 200) throw new Error(`no answer: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  };
  try {
    assert.equal(await statusFor("127.0.0.1"), "HTTP/1.1 200");
    assert.equal(await statusFor(outerAddress), "HTTP/1.1 403");
  } finally {
    process.kill("SIGTERM");
    await process.status;
  }
});
