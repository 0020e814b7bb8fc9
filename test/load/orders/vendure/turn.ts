import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../../e2e/eventually.ts';
import { freePorts } from '../../../e2e/free-ports.ts';
import { peakBytes, resetPeak } from '../../footprint/process-figures.ts';
import type { Ground, Started } from '../../ground.ts';
import { withoutSettings } from '../../servers/holdfast.ts';
import { cpuSeconds, runGenerator } from '../run-generator.ts';
import { createDatabase } from '../shop.ts';
import type { OrdersSettings } from '../turn.ts';
import { VENDURE } from './package.ts';
import {
  READY,
  type VendureLoad,
  type VendureLoadResult,
  type VendureServer,
} from './vendure-load.ts';

const SERVER = fileURLToPath(new URL('server.ts', import.meta.url));
const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url));
/** It makes its tables first. */
const READY_MS_MAX = 120_000;

/** What one database came to. */
export interface VendureTurn {
  readonly few: VendureFigures;
  readonly many: VendureFigures;
  readonly peakBytes: number;
}

export interface VendureFigures extends VendureLoadResult {
  /** CPU seconds of the server. */
  readonly shopCpuSeconds: number;
}

/** The server in one process, without its worker, the generator in another. */
export async function takeVendureTurn(
  ground: Ground,
  { measureMs, warmUpMs, inFlight, manyInFlight }: OrdersSettings,
  { folder, postgresUrl }: { readonly folder: string; readonly postgresUrl: string | undefined },
): Promise<VendureTurn> {
  const dataDir = ground.path(`${VENDURE}-data`);
  mkdirSync(dataDir);
  const database = postgresUrl === undefined ? undefined : await createDatabase(postgresUrl);
  try {
    const [port] = (await freePorts(1)) as [number];
    const own = { folder, dataDir, port };
    const server = await start(ground, { ...own, ...(database && { postgresUrl: database.url }) });
    resetPeak(server.pid);
    const url = `http://127.0.0.1:${port}/shop-api`;
    const run = (count: number): Promise<VendureFigures> =>
      measure(ground, server, { url, inFlight: count, warmUpMs, measureMs });
    const few = await run(inFlight);
    const many = await run(manyInFlight);
    const peak = peakBytes(server.pid);
    await server.kill();
    return { few, many, peakBytes: peak };
  } catch (cause) {
    const message = `${VENDURE}: ${(cause as Error).message}`;
    throw new Error(`${message}\n${ground.lastWords()}`, { cause });
  } finally {
    await database?.drop();
  }
}

async function start(ground: Ground, options: VendureServer): Promise<Started> {
  const server = ground.start({
    name: VENDURE,
    program: process.execPath,
    args: [SERVER, JSON.stringify(options)],
    env: {
      ...withoutSettings(process.env),
      NODE_ENV: 'production',
      VENDURE_DISABLE_TELEMETRY: 'true',
    },
  });
  await Promise.race([
    eventually(VENDURE, () => server.output().includes(READY), READY_MS_MAX),
    server.ended.then((code) => Promise.reject(new Error(`it ended with ${code}`))),
  ]);
  return server;
}

async function measure(
  ground: Ground,
  server: Started,
  load: VendureLoad,
): Promise<VendureFigures> {
  const before = cpuSeconds(server.pid);
  const result = await runGenerator<VendureLoadResult>(ground, {
    name: `${VENDURE}-generator-${load.inFlight}`,
    entry: GENERATOR,
    load,
  });
  return { ...result, shopCpuSeconds: cpuSeconds(server.pid) - before };
}
