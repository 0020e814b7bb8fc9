import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A TCP hop between gateway and cloud that can be cut: connections stay open, and nothing passes.
 */
export interface Hop {
  cut(): void;
  heal(): void;
  close(): Promise<void>;
}

export async function startHop(listenPort: number, targetPort: number): Promise<Hop> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isCut = false;
  const server: Server = createServer((inner) => {
    const outer = connect(targetPort, '127.0.0.1');
    const pair = [inner, outer] as const;
    pairs.add(pair);
    const end = (): void => {
      inner.destroy();
      outer.destroy();
      pairs.delete(pair);
    };
    for (const socket of pair) {
      socket.on('error', end);
      socket.on('close', end);
    }
    inner.pipe(outer);
    outer.pipe(inner);
    if (isCut) pausePair(pair);
  });
  await new Promise<void>((resolve) => server.listen(listenPort, '127.0.0.1', resolve));
  return {
    cut() {
      isCut = true;
      for (const pair of pairs) pausePair(pair);
    },
    heal() {
      isCut = false;
      for (const [inner, outer] of pairs) {
        inner.pipe(outer);
        outer.pipe(inner);
      }
    },
    close() {
      for (const [inner, outer] of pairs) {
        inner.destroy();
        outer.destroy();
      }
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function pausePair([inner, outer]: readonly [Socket, Socket]): void {
  for (const [from, to] of [
    [inner, outer],
    [outer, inner],
  ] as const) {
    from.unpipe(to);
    from.pause();
  }
}
