/**
 * `deno task webhooks`: the endpoints that events are posted to.
 *
 * @module
 */

import { countDeliveries, type ListedDelivery, readDelivery } from "../db/webhooks/deliveries.ts";
import { readEndpoints, type WebhookEndpoint } from "../db/webhooks/endpoints.ts";
import { describeCount, maxCounted } from "../domain/bounded_count.ts";
import { counted } from "../domain/text/plural.ts";
import { endpointLimits } from "../domain/webhook/endpoint.ts";
import {
  addEndpoint,
  changeEndpoint,
  type EndpointWithSecret,
  removeEndpoint,
  retryEndpoint,
  rotateSecret,
  testEndpoint,
} from "../services/notifications/manage_webhooks.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { pause } from "../streams/timing/pause.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import { type Command, integerArgument, type Options, readOptions, usage } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { operatorIn } from "./operator.ts";
import { print, printError } from "./print.ts";
import { formatTable, right } from "./table.ts";

const verbs = [
  "list",
  "add",
  "rotate",
  "switch-on",
  "switch-off",
  "test",
  "retry",
  "remove",
] as const;

type Verb = typeof verbs[number];

/** Which options go with which verb. */
const optionsOf: Readonly<Partial<Record<Verb, readonly string[]>>> = {
  list: ["json"],
  add: ["events", "description"],
  rotate: ["overlap"],
};

/** How long it is waited for what becomes of a test, in milliseconds, and how often it is looked. */
const testMs = 20_000, lookMs = 200;

const command: Command = {
  summary: "Lists, adds and tests the endpoints that events are posted to.",
  help: `
Usage: deno task webhooks [list] [--json]
       deno task webhooks add URL [--events=TYPE,…] [--description=TEXT]
       deno task webhooks rotate ID [--overlap=SECONDS]
       deno task webhooks switch-on|switch-off ID
       deno task webhooks test ID
       deno task webhooks retry ID
       deno task webhooks remove ID

  list        shows the endpoints, with what waits for each (the default)
  add         adds one, and shows the secret that signs what is posted, this once
  rotate      makes another secret, and shows it this once; the one before signs beside it for
              --overlap=SECONDS: a day unless it is said, 0 ends it at once
  switch-on   posts to it again: what waited, and what happens from now on
  switch-off  posts nothing to it, and puts nothing on its list
  test        posts a test event to it, and tells what it answered
  retry       posts again what was given up
  remove      removes it with what waits for it

  --events=TYPE,…  such as order.paid,stock.* ; all of them unless it is said
  --json           the list as one JSON object

What may be an endpoint, the types of events and how to check a signature: docs/integrating.md. Exits 1 where a test
is not answered with success.`,
  async run(args, env) {
    const options = readOptions(args, {
      boolean: ["json"],
      string: ["events", "description", "overlap"],
      positionals: [0, 2],
    });
    const [verb, subject] = verbIn(options);
    return await withContext(env, async (context) => {
      if (verb === "list") return await list(context, options.flag("json"));
      await guardDatabase(context);
      await refuseBesideOlder(context);
      const operator = operatorIn(env);
      if (verb === "add") {
        const types = (options.text("events") ?? "*").split(",").map((type) => type.trim());
        const description = options.text("description") ?? "";
        const content = { url: subject, types, description, enabled: true };
        const added = await addEndpoint(context, content, operator);
        print(`Added endpoint ${added.endpoint.id}`);
        showSecret(added);
        return 0;
      }
      const id = integerArgument("ID", subject, 1, Number.MAX_SAFE_INTEGER);
      switch (verb) {
        case "rotate": {
          const overlap = options.integer("overlap", 0, endpointLimits.overlapSeconds);
          const rotated = await rotateSecret(context, id, operator, overlap);
          const { previousUntil } = rotated.endpoint;
          print(
            previousUntil === null
              ? "The secret before counts no more"
              : `The secret before signs beside it until ${previousUntil}`,
          );
          showSecret(rotated);
          return 0;
        }
        case "switch-on":
        case "switch-off": {
          const { enabled } = await changeEndpoint(
            context,
            id,
            { enabled: verb === "switch-on" },
            operator,
          );
          print(`Endpoint ${id} is switched ${enabled ? "on" : "off"}`);
          return 0;
        }
        case "test":
          return await tellOfTest(context, id, await testEndpoint(context, id, operator));
        case "retry":
          print(`Posted again: ${counted(await retryEndpoint(context, id, operator), "event")}`);
          return 0;
        case "remove":
          await removeEndpoint(context, id, operator);
          print(`Removed endpoint ${id}`);
          return 0;
      }
    });
  },
};

export default command;

/** @throws {WorkflowError} `bad_usage` */
function verbIn(options: Options): [verb: Verb, subject: string] {
  const [typed = "list", subject = ""] = options.positionals;
  const verb = verbs.find((known) => known === typed);
  if (verb === undefined) {
    throw usage(`There is no "webhooks ${typed}"; there are ${verbs.join(", ")}`);
  }
  const needs = verb === "add" ? "the URL" : "the ID";
  if (verb !== "list" && subject === "") throw usage(`webhooks ${verb} needs ${needs}`);
  if (verb === "list" && subject !== "") throw usage("webhooks list shows all of them");
  for (const name of ["json", "events", "description", "overlap"]) {
    const isGiven = name === "json" ? options.flag(name) : options.text(name) !== undefined;
    if (isGiven && optionsOf[verb]?.includes(name) !== true) {
      throw usage(`--${name} does not go with webhooks ${verb}`);
    }
  }
  return [verb, subject];
}

/** To standard output alone, where it can be read by a program or kept from a terminal. */
function showSecret({ secret }: EndpointWithSecret): void {
  print(`Secret, shown this once: ${secret}`);
}

async function list({ db }: Context, asJson: boolean): Promise<number> {
  const endpoints = await readEndpoints(db, { limit: endpointLimits.most });
  const rows = [];
  for (const endpoint of endpoints) {
    rows.push({ endpoint, ...await countDeliveries(db, endpoint.id, maxCounted) });
  }
  if (asJson) {
    const data = rows.map(({ endpoint, waiting, givenUp }) => ({
      id: endpoint.id,
      url: endpoint.url,
      description: endpoint.description,
      types: endpoint.types,
      enabled: endpoint.enabled,
      disabled_reason: endpoint.disabledReason,
      previous_secret_until: endpoint.previousUntil,
      waiting,
      given_up: givenUp,
      created_at: endpoint.createdAt,
    }));
    print(JSON.stringify({ data }));
  } else if (rows.length === 0) print("There is no endpoint yet; webhooks add URL adds one");
  else {
    print(formatTable(
      [
        right("id"),
        { heading: "state" },
        right("waiting"),
        right("given up"),
        { heading: "where" },
        { heading: "events" },
        { heading: "description" },
      ],
      rows.map(({ endpoint, waiting, givenUp }) => [
        String(endpoint.id),
        endpoint.enabled ? "on" : "off",
        describeCount(waiting),
        describeCount(givenUp),
        originOf(endpoint),
        endpoint.types.join(","),
        endpoint.disabledReason ?? endpoint.description,
      ]),
    ));
  }
  return 0;
}

/** The rest of a URL may be a secret. */
function originOf({ url }: WebhookEndpoint): string {
  return new URL(url).origin;
}

/** Waits for what becomes of a test, which a process that consumes posts. */
async function tellOfTest({ db }: Context, id: number, eventId: string): Promise<number> {
  print(`Test event ${eventId}`);
  const end = performance.now() + testMs;
  let tried: ListedDelivery | undefined;
  do {
    await pause(lookMs);
    tried = await readDelivery(db, id, eventId);
  } while ((tried?.attempts ?? 0) === 0 && performance.now() < end);
  if (tried === undefined || tried.attempts === 0) {
    printError("Nobody has posted it yet: a process that consumes does");
    return 1;
  }
  if (tried.error !== null) {
    printError(`It was not taken: ${tried.error}`);
    return 1;
  }
  print(`Answered ${tried.statusCode} after ${tried.durationMs} ms`);
  return 0;
}
