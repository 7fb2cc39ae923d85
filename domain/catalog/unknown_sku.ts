/**
 * Orders that name products which there are not, where orders must not create them.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";
import type { IncomingOrder } from "../order/incoming_order.ts";

/** SKUs that a sentence names; each faulty item is named besides. */
const maxNamedSkus = 5;

/** The error for an order that names products that there are not, with each of its items that does. */
export function unknownSkuFault(
  { items }: Pick<IncomingOrder, "items">,
  skus: readonly string[],
): WorkflowError {
  const faults = items.flatMap(({ sku }, index) =>
    skus.includes(sku)
      ? [{
        at: `#/items/${index}/sku`,
        detail: `names no product that there is: ${
          JSON.stringify(sku)
        }; add it by POST /products first`,
      }]
      : []
  );
  const named = skus.slice(0, maxNamedSkus).map((sku) => JSON.stringify(sku)).join(", ");
  const more = skus.length > maxNamedSkus ? ` and ${skus.length - maxNamedSkus} more` : "";
  return new WorkflowError("invalid", `There is no product ${named}${more}`, faults);
}
