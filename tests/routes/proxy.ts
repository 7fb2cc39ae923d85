/** A TCP relay in front of an engine that a test can make hang, or cut. */
export interface Proxy {
  port: number;
  /** From now on nothing passes, as if the engine's process were stopped. */
  freeze(): void;
  thaw(): void;
  close(): void;
}

/** What is told of all that passes, and may hold it up. */
export interface Passing {
  /** From a client to the engine. */
  sent?(): void;
  /** From the engine to a client. */
  answered?(): Promise<void>;
}

/** Relays a free port of the loopback address to `host:port` of `url`. */
export function startProxy(url: string, passing: Passing = {}): Proxy {
  const target = new URL(url);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let open = Promise.withResolvers<void>();
  let closed = false;
  open.resolve();

  const pump = async (
    from: Deno.Conn,
    to: Deno.Conn,
    passes?: () => void | Promise<void>,
  ): Promise<void> => {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const size = await from.read(buffer);
        if (size === null) break;
        await open.promise;
        await passes?.();
        for (let sent = 0; sent < size;) sent += await to.write(buffer.subarray(sent, size));
      }
    } catch {
      // One side is gone, so the other has to go too.
    }
    for (const connection of [from, to]) {
      if (connections.delete(connection)) connection.close();
    }
  };

  const accept = async (): Promise<void> => {
    for await (const client of listener) {
      const server = await Deno.connect({
        hostname: target.hostname,
        port: Number(target.port),
      });
      connections.add(client).add(server);
      pump(client, server, passing.sent);
      pump(server, client, passing.answered);
    }
  };
  accept();

  return {
    port: listener.addr.port,
    freeze: () => open = Promise.withResolvers<void>(),
    thaw: () => open.resolve(),
    close() {
      if (closed) return;
      closed = true;
      listener.close();
      open.resolve();
      for (const connection of connections) connection.close();
      connections.clear();
    },
  };
}
