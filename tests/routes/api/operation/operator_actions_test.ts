import assert from "node:assert/strict";
import { type Scope, scopes, tokenHash } from "../../../../domain/operation/api_token.ts";
import type { AuditAction } from "../../../../domain/operation/audit.ts";
import { entryOf } from "../../../../domain/messages/messages.ts";
import { deadLetterMessages } from "../../../../db/dead_letters/dead_letters.ts";
import { isPause } from "../../../../streams/queue/pause_group.ts";
import { verifyNow } from "../../../../streams/verification/verify_regularly.ts";
import { aDeadLetter } from "../../../dead_letter.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";

/** What an operator may do over HTTP. */
interface Action {
  request: string;
  body?: unknown;
  needs: Scope;
  action: AuditAction;
  /** What stands in the audit log once it was done. */
  told: string[];
  /** Another body under the same key is refused, where it has one. */
  other?: unknown;
  /** Makes it worth doing. */
  prepare: (api: Api) => Promise<unknown>;
  /** What it changes, before and after: not the same. */
  reads: (api: Api) => Promise<unknown>;
}

async function storeLetter({ deps: { db } }: Api): Promise<void> {
  const orderId = await storeOrder(db, { status: "PENDING" });
  const payload = JSON.stringify(
    entryOf({ type: "order.reserve", orderId, amountCents: 1_250, currency: "EUR" }),
  );
  await deadLetterMessages(db, [aDeadLetter({ orderId, payload })]);
}

const letterState = async ({ deps }: Api) =>
  (await deps.db.query("select status from dead_letters where id = 1"))[0]!.status;

const pauseState = async ({ deps: { redis, keys } }: Api) =>
  isPause(await redis.get(keys.paused("payments")));

const verifiedAt = ({ deps }: Api) => deps.redis.get(deps.keys.proof);

const actions: Action[] = [
  {
    request: "POST /dead-letters/1/retry",
    needs: "admin",
    action: "dead_letter.retry",
    told: ["done"],
    prepare: storeLetter,
    reads: letterState,
  },
  {
    request: "POST /dead-letters/1/discard",
    needs: "admin",
    action: "dead_letter.discard",
    told: ["done"],
    prepare: storeLetter,
    reads: letterState,
  },
  {
    request: "POST /streams/payments/pause",
    body: { reason: "a move" },
    other: { reason: "another move" },
    needs: "admin",
    action: "group.pause",
    told: ["begun", "done"],
    prepare: () => Promise.resolve(),
    reads: pauseState,
  },
  {
    request: "POST /streams/payments/resume",
    needs: "admin",
    action: "group.resume",
    told: ["begun", "done"],
    prepare: (api) => ask(api, "POST", "/streams/payments/pause", undefined, as("boss")),
    reads: pauseState,
  },
  {
    request: "PUT /products/TEA/stock",
    body: { add: 7 },
    other: { add: 8 },
    needs: "stock",
    action: "stock.change",
    told: ["done"],
    prepare: ({ deps: { db } }) => storeOrder(db),
    reads: async ({ deps }) =>
      String(
        (await deps.db.query("select stock_qty from products where sku = 'TEA'"))[0]!.stock_qty,
      ),
  },
  {
    request: "POST /verification",
    needs: "admin",
    action: "verification.run",
    told: ["begun", "done"],
    prepare: () => Promise.resolve(),
    reads: verifiedAt,
  },
  {
    request: "POST /verification/repair",
    needs: "admin",
    action: "verification.repair",
    told: ["begun", "done"],
    prepare: ({ deps }) => verifyNow(deps),
    reads: verifiedAt,
  },
];

const as = (name: string) => ({ authorization: `Bearer ${name}` });

for (const { request, body, other, needs, action, told, prepare, reads } of actions) {
  const [method, path] = request.split(" ") as [string, string];
  Deno.test(`${request} is done once a key, with the scope ${needs} alone, and the audit log tells of it once`, async () => {
    const api = await openApi(`operator_${action.replace(".", "_")}`, {
      API_TOKENS: [...scopes.filter((scope) => scope !== "admin"), "boss"]
        .map((name) => `${name}:${tokenHash(name)}:${name === "boss" ? "admin" : name}`).join(","),
    });
    try {
      await prepare(api);
      const entries = async () => {
        const rows = await api.deps.db.query(
          "select outcome, actor from audit_log where action = ? order by id",
          [action],
        );
        return rows.map(({ outcome, actor }) => `${outcome} ${actor}`);
      };
      const before = await reads(api);
      for (const scope of scopes) {
        if (scope === needs || scope === "admin") continue;
        assertProblem(await ask(api, method, path, body, as(scope)), 403);
      }
      for (const key of ["", "with space"]) {
        const bad = await ask(api, method, path, body, { ...as("boss"), "idempotency-key": key });
        assertProblem(bad, 400);
      }
      assert.deepEqual([await reads(api), await entries()], [before, []], "nothing was done");

      const key = { ...as("boss"), "idempotency-key": "k-1" };
      const first = await ask(api, method, path, body, key);
      assert.equal(first.status, 200, JSON.stringify(first.body));
      const after = await reads(api);
      assert.notEqual(after, before);
      const again = await ask(api, method, path, body, key);
      assert.deepEqual([again.status, again.body], [first.status, first.body]);
      if (other !== undefined) assertProblem(await ask(api, method, path, other, key), 422);
      assert.equal(await reads(api), after, "a repeated key does nothing more");
      assert.deepEqual(await entries(), told.map((outcome) => `${outcome} api:boss`));
    } finally {
      await api.close();
    }
  });
}
