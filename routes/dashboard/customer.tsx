/**
 * One customer: who it is, what is kept, and erasing it.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import {
  type CustomerRow,
  type Erasure,
  readCustomersBy,
  readErasureWith,
} from "../../db/customers/erasures.ts";
import { sumChargebacksOf } from "../../db/payments/chargeback_list.ts";
import { isErasedId } from "../../domain/customer/erased_customer.ts";
import { type Fault, WorkflowError } from "../../domain/errors.ts";
import { isAllowed } from "../../domain/operation/api_token.ts";
import { refuseOtherErasureSecret } from "../../streams/workflow/erasure_secret.ts";
import { eraseCustomer } from "../../services/customers/erase_customer.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { problemOf } from "../middleware/problem.ts";
import { readForm } from "../middleware/read_form.ts";
import { notFoundPage } from "./error_page.tsx";
import { PostForm } from "./form.tsx";
import { counted, formatMoney } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Badge, linkTo, Notice, Time } from "./parts.tsx";
import { idOf, said } from "./queries.ts";
import { askFirst, isConfirmed } from "./question.tsx";
import { need } from "./reading.ts";

const list = "/dashboard/customers";

const path = "/customers/:id{[0-9]{1,15}}";

/** `GET /dashboard/customers/{id}`, and `POST …/erase` with a question before it. */
export function oneCustomerPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get(path, (c) => show(c, deps));

  app.post(`${path}/erase`, async (c) => {
    const form = await readForm(c);
    const id = idOf(c);
    const [customer] = await need(readCustomersBy(deps.db, { ids: [id] }));
    if (customer !== undefined && !isErasedId(customer.externalId) && !isConfirmed(form)) {
      return await askBefore(c, customer);
    }
    try {
      await refuseOtherErasureSecret(deps);
      const { changed, sameEmail } = await eraseCustomer(
        deps,
        { customerId: id },
        operatorOf(c, deps.config),
      );
      const others = sameEmail.length > 0 ? `&others=${sameEmail.join(",")}` : "";
      return c.redirect(`${list}/${id}?done=${changed ? "erased" : "before"}${others}`, 303);
    } catch (error) {
      if (!(error instanceof WorkflowError) || error.code !== "customer_not_erasable") throw error;
      return await show(c, deps, error);
    }
  });

  return app;
}

function askBefore(c: Context, { id, name }: CustomerRow): Response | Promise<Response> {
  return askFirst(c, {
    title: `Erase ${name}?`,
    says:
      "Everything that names this person leaves: names, addresses, notes, rows of files that were not taken. Orders, " +
      "payments and refunds stay for the books, of nobody. It can't be taken back.",
    nav: list,
    action: `${list}/${id}/erase`,
    verb: "Erase for good",
    danger: true,
    crumb: [`${list}/${id}`, name],
    keep: "Keep everything",
  });
}

async function show(c: Context, { db }: AppDeps, refused?: WorkflowError): Promise<Response> {
  const id = idOf(c);
  const [customer] = await need(readCustomersBy(db, { ids: [id] }));
  if (customer === undefined) return await notFoundPage(c, `There is no customer #${id}`);
  const erasure = isErasedId(customer.externalId) ? await need(readErasureWith(db, id)) : undefined;
  const contested = await need(sumChargebacksOf(db, id));
  const status = refused === undefined ? undefined : problemOf(refused).status;
  return await page(
    c,
    { title: customer.name, nav: list, status },
    (
      <>
        <PageHead title={customer.name} crumb={[list, "Customers"]} />
        <Done c={c} />
        {refused !== undefined && <Refused faults={refused.faults} />}
        <Facts c={c} customer={customer} erasure={erasure} contested={contested} />
        {erasure === undefined && (
          <PostForm c={c} action={`${list}/${id}/erase`} class="card stack-form">
            <h2>Erase this person</h2>
            <p>
              For whoever asks for it (article 17 of the GDPR). Orders stay for the books; whatever
              names the person leaves.
            </p>
            <div class="actions">
              <button type="submit" class="danger">Erase…</button>
            </div>
          </PostForm>
        )}
      </>
    ),
  );
}

/** What was done just now. */
const Done: FC<{ c: Context }> = ({ c }) => {
  const done = said(c, "done");
  const others = (said(c, "others") ?? "").split(",").filter((one) => /^\d{1,15}$/.test(one));
  if (done === undefined) return null;
  return (
    <>
      <Notice tone="good" title={done === "erased" ? "Erased" : "It was erased before"}>
        What is left names nobody; the audit log tells that it was done.
      </Notice>
      {others.length > 0 && (
        <Notice tone="warn" title="Others have the same address">
          They may be the same person, and were left alone: {others.map((one, at) => (
            <>
              {at > 0 && ", "}
              <a key={one} href={`${list}/${one}`}>#{one}</a>
            </>
          ))}
        </Notice>
      )}
    </>
  );
};

/** What has to end before. */
const Refused: FC<{ faults: readonly Fault[] }> = ({ faults }) => (
  <section class="card">
    <Notice tone="bad" title="Not erased: something is not over" />
    <ul>
      {faults.map(({ at, detail }) => (
        <li key={`${at} ${detail}`}>
          <FaultLink at={at} /> {detail}
        </li>
      ))}
    </ul>
  </section>
);

const FaultLink: FC<{ at: string }> = ({ at }) => {
  const [what, id] = at.split(" ");
  return <a href={`/dashboard/${what}s/${id}`}>{at}</a>;
};

/** Who it is, and the ways to what is kept. */
const Facts: FC<{
  c: Context;
  customer: CustomerRow;
  erasure: Erasure | undefined;
  contested: Awaited<ReturnType<typeof sumChargebacksOf>>;
}> = (
  { c, customer: { externalId, isGuest, email, createdAt }, erasure, contested },
) => (
  <section class="card">
    <dl class="facts">
      <dt>Id</dt>
      <dd>{isGuest ? <Badge tone="plain">Guest</Badge> : externalId}</dd>
      <dt>E-mail</dt>
      <dd>{email === "" ? <span class="muted">None is kept</span> : email}</dd>
      <dt>Known since</dt>
      <dd>
        <Time at={createdAt} />
      </dd>
      {contested.map(({ currency, count, heldCents, lostCents }) => (
        <>
          <dt>{counted(count, "chargeback", "chargebacks")}</dt>
          <dd>
            {formatMoney(heldCents, currency)} withheld, {formatMoney(lostCents, currency)} lost
          </dd>
        </>
      ))}
      {erasure !== undefined && (
        <>
          <dt>Erased</dt>
          <dd>
            <Time at={erasure.startedAt} />
            {erasure.finishedAt === null && " and not done yet: it goes on by itself"}
          </dd>
        </>
      )}
    </dl>
    <div class="actions">
      {(!isGuest || email !== "") && (
        <a class="button" href={linkTo("/dashboard/orders", { q: isGuest ? email : externalId })}>
          Orders
        </a>
      )}
      {isAllowed(c.get("caller")?.scopes ?? [], ["admin"]) && (
        <a
          class="button"
          href={`/customers/${encodeURIComponent(externalId)}`}
          download="customer.json"
        >
          All that is kept, as JSON
        </a>
      )}
    </div>
  </section>
);
