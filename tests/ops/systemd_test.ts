import assert from "node:assert/strict";
import { groups } from "../../domain/messages/work.ts";
import { fileVariable, secretSettings } from "../../config/secret_files.ts";
import { settings } from "../../config/settings.ts";
import { capture } from "../../tools/engines/capture.ts";

// systemd does not run where tests do: the units are verified by its own tool where that is installed, and held against the
// product. That they start is not shown here.

const folder = new URL("../../ops/systemd/", import.meta.url);
const units = ["orders-serve.service", "orders-consume@.service", "orders-migrate.service"];
const common = "orders-.service.d/common.conf";

/** The values of a key of a unit, in its order. */
async function valuesOf(file: string, key: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(file, folder));
  return text.split("\n").filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1));
}

/** True where systemd's own tool is installed. */
async function hasAnalyzer(): Promise<boolean> {
  return await capture("systemd-analyze", ["--version"]).then(
    ({ success }) => success,
    () => false,
  );
}

Deno.test("there is a unit for each process, and nothing else", async () => {
  const found = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  assert.deepEqual(found.sort(), [...units, "orders-.service.d"].sort());
});

Deno.test("units run tasks with the permissions that each has, in the unit's own process", async () => {
  for (const unit of units) {
    const [command, ...others] = await valuesOf(unit, "ExecStart");
    assert.deepEqual(others, []);
    const name = /^orders-(\w+)/.exec(unit)![1]!;
    const rest = name === "consume" ? " --group=%i" : "";
    const run = `exec deno run $(sh commands/flags.sh ${name}) main.ts ${name}${rest}`;
    assert.equal(command, `/bin/sh -c '${run}'`);
  }
  const text = await Deno.readTextFile(new URL("orders-consume@.service", folder));
  for (const group of groups) assert.ok(text.includes(`orders-consume@${group}`), group);
});

Deno.test("units name settings that there are, and secrets by their files", async () => {
  const known = [
    ...settings.map(({ name }) => name),
    ...secretSettings.map(({ name }) => fileVariable(name)),
    ...["DENO_DIR", "TMPDIR"],
  ];
  for (const unit of [common, ...units]) {
    for (const line of await valuesOf(unit, "Environment")) {
      for (const assignment of line.split(" ")) {
        const [name = "", value = ""] = assignment.split("=");
        assert.ok(known.includes(name), name);
        if (name.endsWith("_FILE")) {
          assert.match(
            value,
            /^\/(etc\/orders|run\/credentials\/orders-migrate\.service)\/[a-z-]+$/,
          );
        }
        assert.ok(!secretSettings.some((secret) => secret.name === name), name);
      }
    }
  }
});

Deno.test("the steps that are listed make every file that the units read, before a unit is started", async () => {
  const guide = await Deno.readTextFile(new URL("../../docs/deploying.md", import.meta.url));
  const [, steps = ""] = /\n## systemd\n\n```sh\n(.*?)\n```/s.exec(guide) ?? [];
  const made = [...steps.split("systemctl start")[0]!.matchAll(/\bsecret ([a-z.-]+)/g)];
  const names = new Set(made.map(([, name]) => name));
  for (const unit of [common, ...units]) {
    for (const key of ["Environment", "EnvironmentFile", "LoadCredential"]) {
      for (
        const [, name] of (await valuesOf(unit, key)).join(" ").matchAll(/\/etc\/orders\/(\S+)/g)
      ) {
        assert.ok(names.has(name), `nothing makes ${name}`);
      }
    }
  }
  const settingsFile = /secret settings\.env <<'END'\n(.*?)\nEND/s.exec(steps)![1]!;
  for (const line of settingsFile.split("\n")) {
    const name = line.split("=")[0]!;
    assert.ok(settings.some((setting) => setting.name === name), name);
  }
});

Deno.test("only the migrations come by the password of the user who changes the schema", async () => {
  const guide = await Deno.readTextFile(new URL("../../docs/deploying.md", import.meta.url));
  // All units run as one user, who reads what the group reads.
  assert.match(guide, /\nsecret\(\) \{ install -m "\$\{2:-0640\}" -o root -g orders /);
  assert.match(guide, /\nsecret migrate-database-url 0600 <<</);
  const [loaded] = await valuesOf("orders-migrate.service", "LoadCredential");
  const [name, path] = loaded!.split(":");
  assert.equal(path, `/etc/orders/${name}`);
  const handed = `DATABASE_URL_FILE=/run/credentials/orders-migrate.service/${name}`;
  assert.ok((await valuesOf("orders-migrate.service", "Environment")).includes(handed));
  for (const unit of [common, ...units.filter((unit) => unit !== "orders-migrate.service")]) {
    const text = await Deno.readTextFile(new URL(unit, folder));
    assert.ok(!text.includes("migrate-database-url"), unit);
  }
});

Deno.test({
  name: "systemd finds nothing wrong with the units, and them well closed off",
  ignore: !await hasAnalyzer(),
  async fn() {
    const names = units.map((unit) => unit.replace("@.", "@orders."));
    const env = { SYSTEMD_UNIT_PATH: `${folder.pathname}:` };
    const verified = await capture("systemd-analyze", ["verify", ...names], { env });
    // Whatever else is installed may have faults of its own.
    const own = verified.stderr.split("\n").filter((line) => /^(\S*\/)?orders-/.test(line));
    assert.deepEqual(own, []);
    assert.ok(verified.success, verified.stderr);
  },
});
