import assert from "node:assert/strict";
import { stringify } from "yaml";
import { capture } from "../../tools/engines/capture.ts";
import { ensurePromtool } from "../../tools/engines/promtool.ts";
import { fromFileUrl } from "../sources.ts";

const folder = fromFileUrl(new URL("../../ops", import.meta.url));
const promtool = await ensurePromtool();
const ignore = "missing" in promtool;
if (ignore) console.warn(`The alert rules are not tried: ${promtool.missing}`);

async function run(...args: string[]): Promise<void> {
  assert.ok("path" in promtool);
  const { success, stdout, stderr } = await capture(promtool.path, args, { cwd: folder });
  assert.ok(success, `${args.join(" ")}: ${stdout}${stderr}`);
}

Deno.test({
  name: "the alert rules are valid and do what their tests say, by Prometheus' own tool",
  ignore,
  fn: async () => {
    await run("check", "rules", "alert_rules.yml");
    await run("test", "rules", "alert_rules_test.yml");
  },
});

Deno.test({
  name: "every expression of the Grafana dashboard is valid, by Prometheus' own tool",
  ignore,
  fn: async () => {
    const { panels } = JSON.parse(await Deno.readTextFile(`${folder}/grafana_dashboard.json`));
    const targets = panels.flatMap((panel: { targets: { expr: string }[] }) => panel.targets);
    assert.ok(targets.length > 10);
    const rules = targets.map(({ expr }: { expr: string }, index: number) => ({
      record: `panel_${index}`,
      expr,
    }));
    const file = await Deno.makeTempFile({ suffix: ".yml" });
    try {
      await Deno.writeTextFile(file, stringify({ groups: [{ name: "dashboard", rules }] }));
      await run("check", "rules", file);
      await Deno.writeTextFile(
        file,
        stringify({ groups: [{ name: "x", rules: [{ record: "y", expr: "sum by (" }] }] }),
      );
      await assert.rejects(run("check", "rules", file), "it would be noticed");
    } finally {
      await Deno.remove(file);
    }
  },
});
