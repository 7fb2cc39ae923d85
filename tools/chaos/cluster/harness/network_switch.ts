/**
 * A program: a network of hosts on this machine, each a network namespace with one interface, and a switch between them
 * that loses, delays and drops packets by pair. It works on TUN devices, by the C library's own calls, because the kernel's
 * netem is not to be had everywhere; TCP on both sides then does what it does on a bad line.
 *
 * Arguments: `NAME=ADDRESS…`; the first host is this machine itself. It prints one line, `{"pid", "hosts": {"NAME": {"device",
 * "namespace"}}}`, where `namespace` is a file of this process. Lines on its standard input are JSON:
 * `{"from", "to", "drop", "delayMs", "loss"}`, a policy of one direction, or `{"clear": true}`. When its input ends, so does
 * it, and with it and its hosts' processes the namespaces: nothing is left behind, however that happens.
 *
 * @module
 */

/** A packet that waits for its time. */
interface Waiting {
  atMs: number;
  packet: Uint8Array<ArrayBuffer>;
}

/** What happens to packets of one direction. */
interface Way {
  drop: boolean;
  delayMs: number;
  /** Part of the packets that are lost, 0 to 1. */
  loss: number;
  waiting: Waiting[];
}

interface Host {
  name: string;
  tun: number;
  /** By the place of the other host. */
  ways: Way[];
}

const c = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
}).symbols;

const readWrite = 2;
const nonBlocking = 0o4000;
const newNetwork = 0x40000000;
const setInterface = 0x400454can;
/** A device of IP packets without a header before each. */
const tunWithoutHeader = 0x1001;
const pollIn = 1;

const packetBytes = 65_536;
/** Packets of one host before it is the turn of the others. */
const atOnce = 64;
/** Most packets that wait in one direction; a real switch has an end, too. */
const mostWaiting = 10_000;
/** Longest sleep, in milliseconds. */
const longestMs = 1_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function fail(what: string): never {
  console.error(`The network cannot be made: ${what} failed`);
  Deno.exit(1);
}

function openFile(path: string, flags: number): number {
  const file = c.open(encoder.encode(`${path}\0`), flags);
  return file < 0 ? fail(`opening ${path}`) : file;
}

/** A device in the network of this thread. */
function openDevice(): { tun: number; device: string } {
  const tun = openFile("/dev/net/tun", readWrite | nonBlocking);
  const request = new Uint8Array(40);
  request.set(encoder.encode("orders%d"));
  new DataView(request.buffer).setUint16(16, tunWithoutHeader, true);
  if (c.ioctl(tun, setInterface, request) < 0) fail("making a device");
  return { tun, device: decoder.decode(request.subarray(0, request.indexOf(0))) };
}

/** Makes a network of its own for each host but the first. */
function openHosts(names: readonly string[]) {
  const own = openFile("/proc/thread-self/ns/net", 0);
  const hosts: Record<string, { device: string; namespace: number }> = {};
  const tuns = names.map((name, at) => {
    if (at > 0 && c.unshare(newNetwork) < 0) fail("making a namespace");
    const namespace = openFile("/proc/thread-self/ns/net", 0);
    const { tun, device } = openDevice();
    if (c.setns(own, newNetwork) < 0) fail("going back");
    hosts[name] = { device, namespace };
    return tun;
  });
  return { hosts, tuns };
}

const byName = new Map(Deno.args.map((argument) => argument.split("=") as [string, string]));
const names = [...byName.keys()];
const placeOf = new Map([...byName.values()].map((address, at) => [address, at]));
const { hosts: described, tuns } = openHosts(names);
const hosts = names.map((name, at): Host => ({
  name,
  tun: tuns[at]!,
  ways: names.map(() => ({ drop: false, delayMs: 0, loss: 0, waiting: [] })),
}));
console.log(JSON.stringify({ pid: Deno.pid, hosts: described }));

// One entry a host, and one for the standard input: a file, what is waited for, and what came.
const polled = new Uint8Array((hosts.length + 1) * 8);
const polls = new DataView(polled.buffer);
[0, ...tuns].forEach((file, at) => {
  polls.setInt32(at * 8, file, true);
  polls.setInt16(at * 8 + 4, pollIn, true);
});
const buffer = new Uint8Array(packetBytes);
let typed = "";

/** @returns false when the input has ended */
function readOrders(): boolean {
  const size = Number(c.read(0, buffer, BigInt(packetBytes)));
  if (size <= 0) return false;
  const lines = (typed + decoder.decode(buffer.subarray(0, size))).split("\n");
  typed = lines.pop()!;
  for (const line of lines) {
    const { from, to, clear = false, ...policy } = JSON.parse(line);
    for (const host of hosts) {
      host.ways.forEach((way, at) => {
        const isMeant = clear || (host.name === from && names[at] === to);
        if (isMeant) Object.assign(way, { drop: false, delayMs: 0, loss: 0 }, policy);
      });
    }
  }
  return true;
}

function passOn(host: Host): void {
  for (let count = 0; count < atOnce; count++) {
    const size = Number(c.read(host.tun, buffer, BigInt(packetBytes)));
    if (size < 20) return;
    const at = placeOf.get(`${buffer[16]}.${buffer[17]}.${buffer[18]}.${buffer[19]}`);
    // Of IP 6, and to nobody here.
    if (buffer[0]! >> 4 !== 4 || at === undefined) continue;
    const way = host.ways[at]!;
    if (way.drop || way.waiting.length >= mostWaiting) continue;
    if (way.loss > 0 && Math.random() < way.loss) continue;
    if (way.delayMs === 0) c.write(tuns[at]!, buffer, BigInt(size));
    else way.waiting.push({ atMs: performance.now() + way.delayMs, packet: buffer.slice(0, size) });
  }
}

/** Sends what has waited long enough. @returns milliseconds until something else has */
function sendDue(): number {
  const now = performance.now();
  let next = longestMs;
  for (const { ways } of hosts) {
    ways.forEach(({ waiting }, at) => {
      let due = 0;
      while (due < waiting.length && waiting[due]!.atMs <= now) {
        const { packet } = waiting[due++]!;
        c.write(tuns[at]!, packet, BigInt(packet.length));
      }
      if (due > 0) waiting.splice(0, due);
      if (waiting.length > 0) next = Math.min(next, waiting[0]!.atMs - now);
    });
  }
  return Math.max(0, Math.ceil(next));
}

for (let isOn = true; isOn;) {
  c.poll(polled, BigInt(hosts.length + 1), sendDue());
  if (polls.getInt16(6, true) !== 0) isOn = readOrders();
  hosts.forEach((host, at) => {
    if (polls.getInt16((at + 1) * 8 + 6, true) !== 0) passOn(host);
  });
}
