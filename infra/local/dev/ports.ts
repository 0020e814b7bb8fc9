import { createServer } from 'node:net';

const HOST = '127.0.0.1';
const TRIES_MAX = 100;

const PORT_MAX = 65_535;

/** The port that the variable names, or the standard one. */
export function wantedPort(variable: string, standard: number): number {
  const text = process.env[variable];
  if (text === undefined) return standard;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= PORT_MAX) return port;
  throw new Error(`${variable}=${text} is no port; give a number from 1 to ${PORT_MAX}`);
}

export interface PortChoice {
  readonly port: number;
  /** The port that was wanted but is in use. */
  readonly busy?: number;
}

/** `wanted`, or the next free port above it that `taken` does not hold. */
export async function choosePort(wanted: number, taken: ReadonlySet<number>): Promise<PortChoice> {
  const last = Math.min(wanted + TRIES_MAX - 1, PORT_MAX);
  for (let port = wanted; port <= last; port++) {
    if (taken.has(port) || !(await isFree(port))) continue;
    return port === wanted ? { port } : { port, busy: wanted };
  }
  throw new Error(`no free port from ${wanted} to ${last}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, HOST, () => probe.close(() => resolve(true)));
  });
}
