/**
 * Adding an endpoint of webhooks, and giving one another secret: what shows a secret, this once.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import { WorkflowError } from "../../domain/errors.ts";
import { eventTypeNames, eventTypes } from "../../domain/feed/event_types.ts";
import { endpointLimits, usualOverlapSeconds } from "../../domain/webhook/endpoint.ts";
import {
  addEndpoint,
  type EndpointWithSecret,
  rotateSecret,
} from "../../services/notifications/manage_webhooks.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { problemOf } from "../middleware/problem.ts";
import { readForm } from "../middleware/read_form.ts";
import { PostForm } from "./form.tsx";
import { page, PageHead } from "./layout.tsx";
import { Notice, Time } from "./parts.tsx";
import { idOf } from "./queries.ts";

const list = "/dashboard/webhook-endpoints";
const nav = "/dashboard/notifications";

/** What the names of the boxes begin with by which events are chosen. */
const choice = "event:";

/** Kinds of events, such as `order.*`. */
const kinds = [...new Set(eventTypeNames.map((type) => `${type.split(".")[0]}.*`))];

type Form = Readonly<Record<string, string | undefined>>;

/** `GET /dashboard/webhook-endpoints/new`, `POST /dashboard/webhook-endpoints`, and `POST` of a secret. */
export function endpointSecretRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  app.get("/webhook-endpoints/new", (c) => showNew(c));

  app.post("/webhook-endpoints", async (c) => {
    const form = await readForm(c);
    const content = {
      url: form.url ?? "",
      description: form.description ?? "",
      types: chosenIn(form),
      enabled: true,
    };
    try {
      const added = await addEndpoint(deps, content, operatorOf(c, deps.config));
      return await showSecret(c, added, `Endpoint #${added.endpoint.id} was added`);
    } catch (error) {
      if (!(error instanceof WorkflowError) || problemOf(error).status >= 500) throw error;
      return await showNew(c, { error, form });
    }
  });

  app.post("/webhook-endpoints/:id{[0-9]{1,15}}/secret", async (c) => {
    const { overlap } = await readForm(c);
    const seconds = overlaps.find(([value]) => String(value) === overlap)?.[0];
    const rotated = await rotateSecret(deps, idOf(c), operatorOf(c, deps.config), seconds);
    return await showSecret(c, rotated, `Endpoint #${rotated.endpoint.id} has another secret`);
  });
  return app;
}

/** How long the secret before may sign as well. */
const overlaps = [
  [usualOverlapSeconds, "for a day"],
  [endpointLimits.overlapSeconds, "for a week"],
  [0, "no more: it has leaked"],
] as const;

/** The form by which an endpoint gets another secret. */
export const SecretForm: FC<{ c: Context; id: number }> = ({ c, id }) => (
  <PostForm c={c} action={`${list}/${id}/secret`} class="stack-form" label="Another secret">
    <div class="field">
      <label for="overlap">The secret before signs as well</label>
      <select id="overlap" name="overlap">
        {overlaps.map(([seconds, words]) => (
          <option key={seconds} value={String(seconds)}>{words}</option>
        ))}
      </select>
    </div>
    <div class="actions">
      <button type="submit">Make another secret</button>
    </div>
  </PostForm>
);

function chosenIn(form: Form): string[] {
  return Object.keys(form).filter((name) => name.startsWith(choice))
    .map((name) => name.slice(choice.length));
}

function showNew(c: Context, refused?: { error: WorkflowError; form: Form }) {
  const chosen = new Set(refused === undefined ? ["*"] : chosenIn(refused.form));
  return page(
    c,
    {
      title: "Add a webhook endpoint",
      nav,
      status: refused === undefined ? 200 : problemOf(refused.error).status,
    },
    (
      <>
        <PageHead title="Add a webhook endpoint" crumb={[list, "Webhook endpoints"]} />
        {refused && <Notice tone="bad" title={refused.error.message} />}
        <PostForm c={c} action={list} class="card stack-form" label="Webhook endpoint">
          <div class="field">
            <label for="url">URL</label>
            <input
              id="url"
              name="url"
              type="url"
              required
              maxlength={endpointLimits.urlLength}
              autocomplete="off"
              placeholder="https://shop.example/hooks/orders"
              value={refused?.form.url}
            />
          </div>
          <div class="field">
            <label for="description">What it is for</label>
            <input
              id="description"
              name="description"
              maxlength={endpointLimits.descriptionLength}
              autocomplete="off"
              value={refused?.form.description}
            />
          </div>
          <Events chosen={chosen} />
          <p class="muted small">
            It is posted what happens from now on. Its secret is shown once, on the next page.
          </p>
          <div class="actions">
            <button class="primary" type="submit">Add the endpoint</button>
            <a class="button" href={list}>Leave it</a>
          </div>
        </PostForm>
      </>
    ),
  );
}

const Events: FC<{ chosen: ReadonlySet<string> }> = ({ chosen }) => (
  <fieldset>
    <legend>Events</legend>
    <Box value="*" says="all of them" chosen={chosen} />
    {kinds.map((kind) => (
      <Box
        key={kind}
        value={kind}
        says={`all that begin with ${kind.slice(0, -1)}`}
        chosen={chosen}
      />
    ))}
    <details class="more" open={eventTypeNames.some((type) => chosen.has(type))}>
      <summary>Single ones</summary>
      {eventTypeNames.map((type) => (
        <Box key={type} value={type} says={eventTypes[type]} chosen={chosen} />
      ))}
    </details>
  </fieldset>
);

const Box: FC<{ value: string; says: string; chosen: ReadonlySet<string> }> = (
  { value, says, chosen },
) => (
  <label class="check">
    <input type="checkbox" name={`${choice}${value}`} value="1" checked={chosen.has(value)} />
    <span>
      <strong>{value}</strong> <span class="muted">{says}</span>
    </span>
  </label>
);

/** The answer to what made a secret, which no cache keeps and no other page has. */
function showSecret(c: Context, { endpoint, secret }: EndpointWithSecret, title: string) {
  return page(
    c,
    { title, nav },
    (
      <>
        <PageHead title={title} crumb={[list, "Webhook endpoints"]} />
        <Notice tone="warn" title="The secret is shown this once">
          Keep it where what is posted is received: it checks the signatures.
        </Notice>
        <section class="card stack-form" aria-label="The secret">
          <div class="field">
            <label for="secret">Secret</label>
            <input id="secret" class="mono" readonly autofocus value={secret} />
          </div>
          {endpoint.previousUntil !== null && (
            <p>
              The secret before signs as well until <Time at={endpoint.previousUntil} seconds />
            </p>
          )}
          <div class="actions">
            <a class="button primary" href={`${list}/${endpoint.id}`}>On to the endpoint</a>
          </div>
        </section>
      </>
    ),
  );
}
