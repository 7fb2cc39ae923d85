/**
 * What a person says of how a chargeback ended, as the API takes it.
 *
 * @module
 */

import { z } from "zod";
import { chargebackOutcomes } from "../../../domain/payment/chargeback.ts";
import { mustBeObject, noteField } from "../refunds/by_hand_body.ts";

/** How it ended, and by what that is known, such as the provider's letter. */
export const decideBody = z.strictObject({
  outcome: z.enum(chargebackOutcomes, { error: "must be won or lost" }),
  note: noteField,
}, mustBeObject);
