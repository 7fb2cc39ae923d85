/**
 * What the figures are measured against.
 *
 * @module
 */

import type { EngineName } from "../engines/programs.ts";
import type { Figure } from "./figures.ts";

type Bound = readonly ["least" | "most", number | Readonly<Record<EngineName, number>>];

/**
 * Targets for one machine of two cores, all engines on it, by scenario and unit. They are about the default
 * run of a scenario; the ratios hold on any machine.
 */
export const targets: Readonly<Record<string, Bound>> = {
  "import rows/s": ["least", 60_000],
  "import beside drain orders/s": ["least", 9_000],
  "drain orders/s": ["least", { mariadb: 18_000, mysql: 11_000 }],
  "drain × floor": ["least", 0.7],
  "drain, 2 processes × one process": ["least", 1],
  "latency, idle p50 ms": ["most", 15],
  "latency, idle p99 ms": ["most", 40],
  "latency at 500 orders/s, to told p99 ms": ["most", 150],
  "web orders beside a file POST p99 ms": ["most", 40],
  "web orders beside a file to told p99 ms": ["most", 150],
  "file beside web orders × alone": ["least", 0.95],
  "web orders beside a file, 100 products POST p99 ms": ["most", 40],
  "web orders beside a file, 100 products to told p99 ms": ["most", 150],
  "file beside web orders, 100 products × alone": ["least", 0.95],
  "orders over HTTP requests/s": ["least", 6_000],
  "orders over HTTP, 3000/s p99 ms": ["most", 25],
  "orders in batches over HTTP orders/s": ["least", 20_000],
  "flash sale from a file, 2 processes × one process": ["least", 0.9],
  "flash sale from a file, 4 processes × one process": ["least", 0.9],
  "flash sale over HTTP, 2 processes × one process": ["least", 0.9],
  "flash sale over HTTP, 4 processes × one process": ["least", 0.9],
  "flash sale from a file oversold": ["most", 0],
  "flash sale from a file out of turn": ["most", 0],
  "flash sale over HTTP oversold": ["most", 0],
  "flash sale over HTTP out of turn": ["most", 0],
  "import, Shopify's export rows/s": ["least", 40_000],
  "import, Amazon's export rows/s": ["least", 40_000],
  "import, WooCommerce's export rows/s": ["least", 40_000],
  "import, eBay's export rows/s": ["least", 40_000],
  "import, Etsy's export rows/s": ["least", 40_000],
  "import, Magento's export rows/s": ["least", 40_000],
  "import, Odoo's export rows/s": ["least", 40_000],
  "import, Square's export rows/s": ["least", 40_000],
  "preview over HTTP × reading": ["most", 1.5],
  "preview over HTTP peak MB": ["most", 256],
  "preview on the page × reading": ["most", 1.5],
  "preview on the page peak MB": ["most", 256],
  "one order of all rows peak MB": ["most", 256],
  "reconcile s": ["most", 30],
  "reconcile peak MB": ["most", 256],
  "reconcile lies missed": ["most", 0],
  "reconcile lies invented": ["most", 0],
  "refunds over HTTP requests/s": ["least", 2_000],
  "refunds over HTTP, with keys requests/s": ["least", 2_000],
  "refunds settled refunds/s": ["least", 3_000],
  "GET /kpis % of a bare route": ["least", 60],
  "drain of 1,000,000 orders peak MB": ["most", 256],
  "an order at 1,000,000 orders × CPU at 10,000": ["most", 1.2],
  "an order at 1,000,000 orders × time at 10,000": ["most", 1.2],
  "recover 100,000 messages s": ["most", 10],
  "erasing a person with 10,000 orders ms": ["most", 1_000],
  "drain beside archive × alone": ["least", 0.95],
};

/** The same of the scenario `years` with ten million orders, of which a section of docs/numbers.md tells. */
export const yearsTargets: Readonly<Record<string, Bound>> = {
  "an order at 10,000,000 orders × CPU at 10,000": ["most", 1.25],
  "verify at 10,000,000 orders s": ["most", 60],
  "verify at 10,000,000 orders peak MB": ["most", 256],
  "verify --incremental at 10,000,000 orders s": ["most", 1],
  "figures of today alone at 10,000,000 orders s": ["most", 2],
  "rebuild of all figures at 10,000,000 orders s": ["most", 60],
  "serve at 10,000,000 orders s until ready": ["most", 1],
  "start at 10,000,000 orders s until ready": ["most", 1],
  "the slowest page at 10,000,000 orders ms": ["most", 50],
  "verify with an order of id 10^11 at 10,000,000 orders peak MB": ["most", 256],
};

/** Adds its target to each figure that has one. */
export function addTargets(figures: Figure[], engine: EngineName): void {
  for (const figure of figures) {
    const name = `${figure.scenario} ${figure.what}`;
    const target = targets[name] ?? yearsTargets[name];
    if (target === undefined) continue;
    const [bound, values] = target;
    const value = typeof values === "number" ? values : values[engine];
    const met = bound === "least" ? figure.value >= value : figure.value <= value;
    figure.target = { bound, value, met };
  }
}
