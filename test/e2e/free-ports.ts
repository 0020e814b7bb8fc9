import { createServer } from 'node:net';

/** Below the range from which systems take the ports of outgoing connections. */
const PORT_MIN = 12_000;
const PORT_MAX = 30_000;
const TRIES_MAX = 200;

/**
 * `count` ports of loopback that were free a moment ago, all different. Nobody gets one of them by
 * connecting somewhere; another process that draws the same one is unlikely.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tried = 0; ports.size < count; tried++) {
    if (tried === TRIES_MAX) throw new Error(`no ${count} free ports of ${PORT_MIN}-${PORT_MAX}`);
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
