import assert from "node:assert/strict";
import { openWorkflow } from "../workflow.ts";
import { envOf, run } from "./run_command.ts";

Deno.test("a certificate that can't be read is a wrong setting for every command", async () => {
  const flow = await openWorkflow("unreadable_certificate");
  try {
    const env = envOf(flow);
    const wrong = {
      DATABASE_URL: `${env.DATABASE_URL}?ssl-ca=/nowhere/ca.pem`,
      REDIS_URL: `rediss://127.0.0.1:1?ssl-ca=/nowhere/ca.pem`,
    };
    for (const [setting, url] of Object.entries(wrong)) {
      for (
        const command of [["verify"], ["recover"], ["kpis"], ["consume", "--drain"], ["migrate"]]
      ) {
        if (setting === "REDIS_URL" && command[0] === "migrate") continue;
        const { code, err } = await run({ ...env, [setting]: url }, ...command);
        assert.equal(code, 2, `${command}: ${err}`);
        assert.match(err, new RegExp(`: ${setting}: ssl-ca /nowhere/ca.pem cannot be read: `));
      }
    }
  } finally {
    await flow.close();
  }
});
