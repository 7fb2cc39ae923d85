/**
 * Whether orders are paid with money that is none.
 *
 * @module
 */

/** What the settings say of providers. */
export interface ProviderChoice {
  /** The provider that is asked where no route names another. */
  gateway: string;
  /** Those that routes may name. */
  furtherGateways?: readonly string[];
  /** The key by which Stripe is asked: its beginning tells the mode. */
  stripeSecretKey?: string;
}

/** Why no money moves, where somebody could think that it does. */
export interface UnrealMoney {
  /** In few words. */
  title: string;
  /** The setting by which it is so; no secret. */
  setting: string;
}

/** Says why no money moves although orders are paid; null where it does. */
export function unrealMoney(
  { gateway, furtherGateways = [], stripeSecretKey = "" }: ProviderChoice,
): UnrealMoney | null {
  if (gateway === "simulated") {
    return { title: "Payments are simulated", setting: "GATEWAY=simulated" };
  }
  const [prefix] = /^[a-z]k_test_/.exec(stripeSecretKey) ?? [];
  const isAsked = gateway === "stripe" || furtherGateways.includes("stripe");
  return isAsked && prefix !== undefined
    ? { title: "Stripe is asked in its test mode", setting: `STRIPE_SECRET_KEY=${prefix}…` }
    : null;
}

/** The same as a sentence; null where money moves. */
export function unrealMoneyWarning(choice: ProviderChoice): string | null {
  const unreal = unrealMoney(choice);
  return unreal === null
    ? null
    : `${unreal.title}: no money is taken or given back (${unreal.setting})`;
}
