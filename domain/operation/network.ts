/**
 * Addresses of the network, and whose address a request comes from.
 *
 * @module
 */

/** Addresses with the same beginning; a single one where the whole counts. */
export interface Network {
  /** As a number, the bits that do not count cleared. */
  base: bigint;
  /** Of an address: IPv4 or IPv6. */
  bits: 32 | 128;
  /** How many bits count, from the first. */
  prefix: number;
}

interface Address {
  value: bigint;
  bits: 32 | 128;
}

/**
 * Reads `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`.
 *
 * @returns undefined for anything else
 */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", length, ...more] = text.split("/");
  const parsed = parseAddress(address);
  if (parsed === undefined || more.length > 0) return undefined;
  const { bits } = parsed;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : NaN;
  if (!(prefix <= bits)) return undefined;
  const shift = BigInt(bits - prefix);
  return { base: parsed.value >> shift << shift, bits, prefix };
}

/**
 * The client's address: the one that the connection comes from, or, where that is a trusted proxy's, the one that it
 * names, and so on. What stands further left in the header anybody may have written.
 *
 * @param peer of the connection
 * @param forwardedFor the header `X-Forwarded-For`: each proxy adds the address it was asked from at the right
 */
export function clientAddress(
  peer: string,
  forwardedFor: string,
  trusted: readonly Network[],
): string {
  let client = parseAddress(peer);
  if (client === undefined) return peer;
  for (let end = forwardedFor.length; end > 0 && isIn(client, trusted);) {
    const comma = forwardedFor.lastIndexOf(",", end - 1);
    const named = parseAddress(withoutPort(forwardedFor.slice(comma + 1, end).trim()));
    if (named === undefined) break;
    client = named;
    end = comma;
  }
  return formatAddress(client);
}

function isIn({ value, bits }: Address, networks: readonly Network[]): boolean {
  return networks.some((network) => {
    const shift = BigInt(network.bits - network.prefix);
    return network.bits === bits && value >> shift << shift === network.base;
  });
}

/** An IPv4 address that IPv6 carries is the IPv4 address. */
function parseAddress(text: string): Address | undefined {
  if (text.length > 45) return undefined;
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const parts = text.split(".").map(Number);
    if (parts.some((part) => part > 255)) return undefined;
    return { value: parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n), bits: 32 };
  }
  // Anything else could end the brackets, or be what stands before a host.
  const isAddress = text.includes(":") && /^[\da-f:.]+$/i.test(text);
  const url = isAddress ? URL.parse(`http://[${text}]`) : null;
  if (url === null) return undefined;
  const [head = "", tail] = url.hostname.slice(1, -1).split("::");
  const groups = (part: string | undefined) => part ? part.split(":") : [];
  const [left, right] = [groups(head), groups(tail)];
  const all = [...left, ...Array(8 - left.length - right.length).fill("0"), ...right];
  const value = all.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
  return value >> 32n === 0xffffn
    ? { value: value & 0xffff_ffffn, bits: 32 }
    : { value, bits: 128 };
}

function formatAddress({ value, bits }: Address): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((at) => value >> at & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, n) => (value >> BigInt(112 - 16 * n) & 0xffffn));
  const text = groups.map((group) => group.toString(16)).join(":");
  return URL.parse(`http://[${text}]`)!.hostname.slice(1, -1);
}

/** `1.2.3.4:567` and `[::1]:567` without the port, which some proxies add. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text);
  return bracketed?.[1] ?? /^([^:]*):\d{1,5}$/.exec(text)?.[1] ?? text;
}

/** Addresses that are not everybody's: of this machine, of networks of one's own, of no host at all. */
const special: readonly Network[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  // Tunnels, which carry any address of IPv4, and examples.
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
].map((text) => parseNetwork(text)!);

/** All of IPv6 that is given to hosts. */
const hostsOfIpv6 = parseNetwork("2000::/3")!;

/**
 * Tells whether an address is one that everybody can reach.
 *
 * @returns undefined for what is no address, such as a name
 */
export function isPublicAddress(text: string): boolean | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  if (address.bits === 128 && !isIn(address, [hostsOfIpv6])) return false;
  return !isIn(address, special);
}
