import assert from "node:assert/strict";
import { liveWithinMs, watchLive } from "../../../streams/queue/live_watch.ts";

Deno.test("watchLive() knows for two seconds that a live message came, to whatever group", () => {
  let now = 1_000;
  const live = watchLive(() => now);
  assert.equal(live.comes(), false);
  live.saw(-1);
  live.saw(60_000);
  assert.equal(live.comes(), false, "none came lately");
  live.saw(500);
  live.saw(60_000);
  live.saw(-1);
  assert.equal(live.comes(), true, "another group got none");
  now += liveWithinMs - 501;
  assert.equal(live.comes(), true);
  now += 1;
  assert.equal(live.comes(), false);
});
