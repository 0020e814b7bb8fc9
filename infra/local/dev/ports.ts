import { createServer } from 'node:net';

const HOST = '127.0.0.1';
const TRIES_MAX = 100;

export interface PortChoice {
  readonly port: number;
  /** The port that was wanted but is in use. */
  readonly busy?: number;
}

/** `wanted`, or the next free port above it that `taken` does not hold. */
export async function choosePort(wanted: number, taken: ReadonlySet<number>): Promise<PortChoice> {
  for (let port = wanted; port < wanted + TRIES_MAX; port++) {
    if (taken.has(port) || !(await isFree(port))) continue;
    return port === wanted ? { port } : { port, busy: wanted };
  }
  throw new Error(`no free port from ${wanted} to ${wanted + TRIES_MAX - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, HOST, () => probe.close(() => resolve(true)));
  });
}
