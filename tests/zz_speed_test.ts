import { testContext } from "./support.ts";
import { migrate } from "../db/connection/migrate.ts";
Deno.test("speed", async () => {
  const context = await testContext("speed");
  await migrate(context.databaseUrl);
  for (const mode of ["dry", "preview", "dry", "preview"]) {
    const out = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", "--v8-flags=--max-old-space-size=256,--max-semi-space-size=32", "tests/zz_stream.ts", context.databaseUrl, context.redisUrl, context.redisPrefix, "1000000", "few", mode], cwd: new URL("../", import.meta.url) }).output();
    console.log(new TextDecoder().decode(out.stdout), new TextDecoder().decode(out.stderr).slice(-300));
  }
  await context.close();
});
