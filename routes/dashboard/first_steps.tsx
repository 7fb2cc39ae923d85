/**
 * Three ways to the first order, where there is none yet.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import {
  demoCsv,
  type ExampleFacts,
  exampleOrder,
  templateCsv,
} from "../../domain/import/example_csv.ts";
import type { ImportRuns } from "../../services/imports/import_runs.ts";
import { cancelsOnly } from "../middleware/caller.ts";
import { operatorOf } from "../middleware/operator.ts";
import type { AppDeps } from "../deps.ts";
import { missingScopes, PostForm, ScopeNeeded } from "./form.tsx";

const home = "/dashboard/imports";
const demoPath = `${home}/demo`;
const filesPath = "/dashboard/first-steps";

/** Files that can be downloaded, by name. */
const files: Readonly<Record<string, (facts: ExampleFacts) => string>> = {
  "demo.csv": demoCsv,
  "template.csv": templateCsv,
};

/** `POST` to import the demo file, and both files to download. */
export function firstStepsRoutes(deps: AppDeps, runs: ImportRuns): Hono {
  const app = new Hono();

  app.post("/imports/demo", async (c) => {
    const bytes = new TextEncoder().encode(demoCsv(factsOf(deps)));
    const id = await runs.start({
      source: new Blob([bytes]).stream(),
      name: "demo.csv",
      dryRun: false,
      keepGoodRows: false,
      replace: false,
      operator: operatorOf(c, deps.config),
      only: cancelsOnly(c.get("caller")),
      token: c.get("caller").name,
    });
    return c.redirect(`${home}/${id}`, 303);
  });

  app.get("/first-steps/:name{(demo|template)\\.csv}", (c) => {
    const name = c.req.param("name");
    return c.body(files[name]!(factsOf(deps)), 200, {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": `attachment; filename="${name}"`,
    });
  });

  return app;
}

/**
 * An example is of today, in the currency that the figures are in. The page is drawn again every second, and what somebody
 * is about to copy must stand still.
 */
function factsOf({ config }: Pick<AppDeps, "config">): ExampleFacts {
  const placedAt = `${new Date().toISOString().slice(0, 10)}T00:00:00Z`;
  return { currency: config.baseCurrency, placedAt };
}

/** What to do first: a file that is there, one to fill in, and a request. */
export const FirstSteps: FC<{ c: Context; deps: AppDeps }> = ({ c, deps }) => {
  const missing = missingScopes(c, demoPath);
  return (
    <section aria-labelledby="first-heading">
      <div class="section-head">
        <h2 id="first-heading">There is no order yet. Three ways to the first one:</h2>
      </div>
      <div class="cards three first-steps">
        <div class="card">
          <h3>1. Look on</h3>
          <p>
            Import{" "}
            <a href={`${filesPath}/demo.csv`} download>six demo orders</a>, and see them reserved,
            charged and notified here.
            {deps.config.gateway === "simulated" &&
              " One of them fails: the simulated provider declines odd totals."}
          </p>
          {missing === undefined
            ? (
              <PostForm c={c} action={demoPath}>
                <button type="submit" class="primary">Import the demo orders</button>
              </PostForm>
            )
            : <ScopeNeeded missing={missing} />}
        </div>
        <div class="card">
          <h3>2. Bring your own file</h3>
          <p>
            Fill in{" "}
            <a href={`${filesPath}/template.csv`} download>the template</a>, one row for each item
            of an order, and{" "}
            <a href={home}>import it</a>. A preview there says what is wrong with it, and changes
            nothing.
          </p>
        </div>
        <div class="card">
          <h3>3. Send one from your shop</h3>
          <pre class="command" tabindex={0} aria-label="A request with curl">
            {curlOf(c, deps)}
          </pre>
          <p>
            More in <a href="/docs">the API's description</a>.
          </p>
        </div>
      </div>
    </section>
  );
};

/** A request to paste into a terminal. */
function curlOf(c: Context, deps: AppDeps): string {
  const token = deps.config.apiTokens.length === 0 ? [] : ["  -H 'authorization: Bearer TOKEN' \\"];
  return [
    `curl ${new URL(c.req.url).origin}/orders \\`,
    ...token,
    "  -H 'content-type: application/json' \\",
    `  -d '${exampleOrder(factsOf(deps))}'`,
  ].join("\n");
}
