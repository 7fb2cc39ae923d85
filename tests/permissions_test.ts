import assert from "node:assert/strict";
import { readDatabaseUrl, unreachable } from "../config/engine_url.ts";
import { fileVariable, secretSettings } from "../config/secret_files.ts";
import { settings } from "../config/settings.ts";
import { taskArguments } from "../tools/engines/task_arguments.ts";

const root = new URL("../", import.meta.url);
const { tasks, permissions } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", root)),
) as {
  tasks: Record<string, { description: string; command: string }>;
  permissions: { app: Record<string, unknown>; tools: Record<string, unknown> };
};

/** Tasks of the product that are run beside engines that hold real orders. */
const ofTheProduct = [
  ...["start", "serve", "consume", "import", "migrate", "doctor"],
  ...["refund", "retry", "kpis", "verify", "recover", "dead", "stock", "customer", "archive"],
];

Deno.test("every task says what it does, and is a line that can be read", () => {
  for (const [name, { description, command }] of Object.entries(tasks)) {
    assert.match(description, /^[A-Z].{20,90}[^.]$/, name);
    assert.ok(command.length < 150, name);
  }
});

Deno.test("no task has all permissions but the benchmarks, which read /proc", async () => {
  for (const [name, { command }] of Object.entries(tasks)) {
    const hasAll = /\s(-A|--allow-all)\b/.test(command);
    assert.equal(hasAll, name === "bench", name);
    if (command.startsWith("deno run") && !hasAll) {
      const args = await taskArguments(name);
      assert.deepEqual(args.slice(0, 3), ["run", "-q", "--no-prompt"], name);
    }
    assert.doesNotMatch(command, /--allow-(run|ffi|env|sys)(\s|$)/, `${name} names what it needs`);
  }
});

Deno.test("the tasks of the product have the set app, and add nothing but files for import and stock", async () => {
  for (const name of ofTheProduct) {
    const args = await taskArguments(name);
    assert.ok(args.includes("-P=app"), name);
    const more = args.filter((arg) => arg.startsWith("--allow-"));
    assert.deepEqual(
      more,
      /^(import|stock)$/.test(name) ? ["--allow-read", "--allow-write"] : [],
      name,
    );
  }
});

Deno.test("only where no engine is named, here or in .env, may a task start programs", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const setOf = async (env: Record<string, string>, file?: string) => {
      if (file === undefined) await Deno.remove(`${dir}/.env`).catch(() => {});
      else await Deno.writeTextFile(`${dir}/.env`, file);
      const { stdout } = await new Deno.Command("sh", {
        args: [new URL("commands/flags.sh", root).pathname, "kpis"],
        cwd: dir,
        clearEnv: true,
        env: { PATH: Deno.env.get("PATH")!, ...env },
      }).output();
      return / -P=(\w+)/.exec(new TextDecoder().decode(stdout))?.[1];
    };
    for (const name of ["DATABASE_URL", "REDIS_URL", "DATABASE_URL_FILE", "REDIS_URL_FILE"]) {
      assert.equal(await setOf({ [name]: "x" }), "app", name);
      assert.equal(await setOf({}, `PORT=1\n ${name} = "x"\n`), "app", name);
      assert.equal(await setOf({}, `export ${name}=x`), "app", name);
      assert.equal(await setOf({}, `# ${name}=x\n${name}=\nOLD_${name}=x`), "tools", name);
      assert.equal(await setOf({ [name]: "" }, `${name}=x`), "tools", "as deno reads .env");
    }
    for (const empty of ['""', "''", '"" # none', "''\r"]) {
      assert.equal(await setOf({}, `DATABASE_URL=${empty}\n`), "tools", `as deno reads ${empty}`);
    }
    for (const zero of ["0", '"0"', "'0'", "0 # private ones", "0\r"]) {
      assert.equal(await setOf({}, `REQUIRE_SETTINGS=${zero}\n`), "tools", `as deno reads ${zero}`);
    }
    assert.equal(await setOf({ REQUIRE_SETTINGS: "0" }, "REQUIRE_SETTINGS=1\n"), "tools");
    assert.equal(await setOf({}, 'REQUIRE_SETTINGS="1"\n'), "app");
    assert.equal(await setOf({}), "tools");
    assert.equal(await setOf({ PORT: "1" }, "PORT=2\n"), "tools");
    assert.equal(await setOf({ REQUIRE_SETTINGS: "1" }), "app");
    assert.equal(await setOf({ NODE_ENV: "production" }), "app");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a process collects garbage the more often the less memory it may have", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const flagsOf = async (task: string, env: Record<string, string>, file = "") => {
      await Deno.writeTextFile(`${dir}/.env`, file);
      const { stdout } = await new Deno.Command("sh", {
        args: [new URL("commands/flags.sh", root).pathname, task],
        cwd: dir,
        clearEnv: true,
        env: { PATH: Deno.env.get("PATH")!, ...env },
      }).output();
      return new TextDecoder().decode(stdout);
    };
    const heapOf = async (task: string, env: Record<string, string>, file?: string) => {
      const flags = await flagsOf(task, env, file);
      return [/semi-space-size=(\d+)/, /growing-percent=(\d+)/, /old-space-size=(\d+)/].map((
        flag,
      ) => flag.exec(flags)?.[1]);
    };
    const small = ["8", "15", "512"], medium = ["16", "40", "512"], large = ["32", "100", "1024"];
    for (const task of ["start", "serve"]) {
      assert.deepEqual(await heapOf(task, { MEMORY_MB: "256" }), small);
      assert.deepEqual(await heapOf(task, { MEMORY_MB: "512" }), medium);
      assert.deepEqual(await heapOf(task, { MEMORY_MB: "1024" }), large);
    }
    assert.deepEqual(await heapOf("serve", {}, 'export MEMORY_MB = "600" # of a unit\n'), medium);
    assert.deepEqual(await heapOf("serve", { MEMORY_MB: "200" }, "MEMORY_MB=600\n"), small);
    // What is no number is refused by whoever reads the settings, and stops no shell before.
    assert.deepEqual(await heapOf("serve", { MEMORY_MB: "much" }), small);
    const own = await heapOf("serve", {});
    assert.ok([small, medium, large].some((heap) => heap[0] === own[0] && heap[1] === own[1]));
    assert.deepEqual(await heapOf("serve", { MEMORY_MB: "0" }), own, "0 is what the machine has");
    assert.deepEqual(await heapOf("import", { MEMORY_MB: "512" }), ["16", undefined, "256"]);
    assert.deepEqual(await heapOf("import", { MEMORY_MB: "4096" }), ["32", undefined, "256"]);
    assert.deepEqual(await heapOf("consume", { MEMORY_MB: "511" }), ["8", "100", "512"]);
    assert.deepEqual(await heapOf("consume", { MEMORY_MB: "1023" }), ["8", "300", "512"]);
    assert.deepEqual(await heapOf("consume", { MEMORY_MB: "1024" }), ["8", undefined, "2048"]);
    const told = async (env: Record<string, string>, file?: string) =>
      / main\.ts doctor (.*)\n$/.exec(await flagsOf("doctor", env, file))?.[1];
    assert.equal(await told({}, "MEMORY_MB=600\n"), "--memory=600,setting");
    assert.equal(await told({ MEMORY_MB: "much" }), "--memory=0,setting");
    assert.match((await told({}))!, /^--memory=\d+,(limit|machine)$/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a task whose .env is missing says nothing of it, and one that is there is read", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const program = `${dir}/main.ts`;
    await Deno.writeTextFile(program, "console.log(Deno.env.get('PORT') ?? 'none')");
    const typed = async (env: Record<string, string> = {}) => {
      const flags = ["-q", "--no-prompt", "--env-file", "--allow-env"];
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", ...flags, program],
        cwd: dir,
        env,
      }).output();
      return [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    };
    assert.deepEqual(await typed({ PORT: "" }), ["\n", ""]);
    await Deno.writeTextFile(`${dir}/.env`, "PORT=8123\n");
    assert.deepEqual(await typed({ PORT: "8124" }), ["8124\n", ""], "the environment goes first");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("the set app names the settings, and neither programs nor whole folders of others", () => {
  const { env, net, read, write, sys, ...others } = permissions.app as {
    env: unknown;
    net: unknown;
    read: string[];
    write: string[];
    sys: string[];
  };
  const files = secretSettings.map(({ name }) => fileVariable(name));
  const allow = [...settings.map(({ name }) => name), ...files, "USER", "INIT_CWD", "NODE_ENV"];
  assert.deepEqual(env, { allow, ignore: true }, "deno task docs brings them up to date");
  assert.deepEqual([net, sys, others], [true, ["hostname"], {}]);
  for (const path of write.filter((path) => !path.endsWith(".sock"))) {
    assert.match(path, /^(\.data\/tmp|(\/var)?\/run\/orders|\/var\/lib\/orders)$/);
  }
  for (const path of write.filter((path) => path !== ".data/tmp")) {
    assert.ok(read.includes(path), `${path} can be read, too: sockets take both`);
  }
});

/** What a process with the set app answers to a program. */
async function asApp(program: string, env: Record<string, string> = {}): Promise<unknown> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=app", "-"],
    cwd: root,
    env,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`console.log(JSON.stringify(${program}))`));
  await writer.close();
  return JSON.parse(new TextDecoder().decode((await child.output()).stdout));
}

Deno.test("a process of the product may write to no folder but its own, and reads no foreign socket", async () => {
  const states = await asApp(`Object.fromEntries([
    ["write", "/tmp"], ["write", "/tmp/file"], ["write", "/run"], ["write", "main.ts"], ["write", ".data"],
    ["read", "/run"], ["read", "/run/docker.sock"], ["read", "/run/mysqld"], ["read", "/tmp"], ["read", "/etc/passwd"],
    ["read", "main.ts"], ["read", "/etc/ssl/ca.pem"], ["read", "/run/mysqld/mysqld.sock"],
    ["write", "/run/mysqld/mysqld.sock"], ["write", "/run/orders/db.sock"], ["write", ".data/tmp/file"],
  ].map(([name, path]) => [name + " " + path, Deno.permissions.querySync({ name, path }).state]))`);
  assert.deepEqual(states, {
    "write /tmp": "prompt",
    "write /tmp/file": "prompt",
    "write /run": "prompt",
    "write main.ts": "prompt",
    "write .data": "prompt",
    "read /run": "prompt",
    "read /run/docker.sock": "prompt",
    "read /run/mysqld": "prompt",
    "read /tmp": "prompt",
    "read /etc/passwd": "prompt",
    "read main.ts": "granted",
    "read /etc/ssl/ca.pem": "granted",
    "read /run/mysqld/mysqld.sock": "granted",
    "write /run/mysqld/mysqld.sock": "granted",
    "write /run/orders/db.sock": "granted",
    "write .data/tmp/file": "granted",
  });
});

Deno.test("a process of the product sees no variable that is no setting, and starts no program", async () => {
  assert.deepEqual(
    await asApp(`[Deno.env.get("PATH") ?? null, Object.keys(Deno.env.toObject()).includes("PATH"),
      ...["run", "ffi"].map((name) => Deno.permissions.querySync({ name }).state)]`),
    [null, false, "prompt", "prompt"],
  );
});

Deno.test("who names a socket elsewhere is told how the service may use it", async () => {
  const said = await asApp(
    `await Deno.connect({ transport: "unix", path: "/srv/db.sock" }).catch(({ message }) => message)`,
  );
  const { address } = readDatabaseUrl("mysql://u@localhost/orders?socket=/srv/db.sock");
  assert.match(
    unreachable("Cannot reach it", "DATABASE_URL", address, said).message,
    /^Cannot reach it: the task may not use the socket \/srv\/db\.sock; link it into \/run\/orders/,
  );
});

Deno.test("an endpoint of webhooks is asked where NODE_EXTRA_CA_CERTS names further authorities", async () => {
  const said = await asApp(
    `await (async () => {
      const { publicFetch } = await import(${
      JSON.stringify(new URL("streams/webhooks/public_fetch.ts", root))
    });
      const ask = publicFetch((_name, _options, found) => found(new Error("no such name"), []));
      return await ask.fetch("https://shop.example/", { method: "POST" }).catch(({ message }) => message);
    })()`,
    { NODE_EXTRA_CA_CERTS: "/etc/ssl/certs/ca-certificates.crt" },
  );
  assert.equal(said, "no such name");
});

Deno.test("docs has --help and takes nothing else: typed with either, it writes nothing", async () => {
  const typed = async (option: string) => {
    const args = (await taskArguments("docs")).filter((arg) => !arg.startsWith("--allow-write"));
    return await new Deno.Command(Deno.execPath(), { args: [...args, option], cwd: root }).output();
  };
  const [asked, wrong] = [await typed("--help"), await typed("--foo")];
  assert.deepEqual([asked.code, wrong.code], [0, 2]);
  assert.match(new TextDecoder().decode(asked.stdout), /Usage: deno task docs/);
  assert.match(new TextDecoder().decode(wrong.stderr), /^docs takes no arguments.*\n$/);
});
