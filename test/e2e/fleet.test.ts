import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinkEvents, OpenLink } from '@holdfast/edge/uplink/link.ts';
import type { AppError } from '@holdfast/shared/lib/app-error.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, expect, test } from 'vitest';
import { authorityIn, issueClient } from './edge-stream/cloud.fixture.ts';
import { type GatewayWorld, startGateway } from './edge-stream/gateway.fixture.ts';
import { eventually } from './eventually.ts';
import { type House, prepareHouse } from './house.ts';
import { latest } from './readings.ts';

const GATEWAYS = 100;
const BACKLOG = 1_000;
const LIVE_TIMEOUT_MS = 30_000;
const DRAIN_TIMEOUT_MS = 60_000;
/** A quarter of what streams get each when they are few: the fleet has to share it. */
const FLEET_CREDIT_BYTES = 4 * 1024 * 1024;
/** What the fleet may add to the cloud's memory: its sockets, its credits, and what is applied. */
const GROWTH_BYTES_MAX = 250 * 1024 * 1024;
/** Streams that failed after the cloud listened; a busy machine may miss a deadline. */
const FAILED_MAX = GATEWAYS / 10;
const DAY_MS = 86_400_000;
const PROC = '/proc/self/status';

let house: House;
let gateways: GatewayWorld[] = [];

afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  gateways = [];
  await house.close();
});

test('a hundred gateways with a backlog come back at once', async () => {
  house = await prepareHouse({
    env: {
      HOLDFAST_LOG_LEVEL: 'warn',
      HOLDFAST_EDGE_LINK_FLEET_CREDIT_BYTES: String(FLEET_CREDIT_BYTES),
    },
  });
  // The first start makes the authority that signs the fleet's certificates.
  house.cloud.start();
  await house.cloudReady();
  await house.json('/v1/gateways');
  await house.cloud.stop();
  const ends: AppError[] = [];
  gateways = await startFleet(ends);
  // What counts begins here: filling a hundred buffers kept this process from its lines.
  ends.length = 0;
  house.cloud.start();
  await house.cloudReady();
  const before = residentBytes('VmRSS');
  await Promise.all(
    gateways.map((gateway, index) => gateway.accept(1, reading(`live-${index}`, 'live', 1))),
  );
  await liveIsAnswered();
  await eventually(
    'the backlog of all to be acknowledged',
    () => gateways.every((gateway) => gateway.pending() === 0),
    DRAIN_TIMEOUT_MS,
  );
  // While nobody listened they were refused. A cascade would fail most of them, again and again.
  const failed = ends.filter(({ message }) => !message.includes('ECONNREFUSED'));
  expect(failed.length).toBeLessThan(FAILED_MAX);
  if (existsSync(PROC)) expect(residentBytes('VmHWM') - before).toBeLessThan(GROWTH_BYTES_MAX);
}, 180_000);

/** Real buffers and uplinks, with certificates of their own; each has a backlog. */
async function startFleet(ends: AppError[]): Promise<GatewayWorld[]> {
  const authority = await authorityIn(join(house.dir, 'cloud', 'secrets'), testRuntime());
  const grpcUrl = `127.0.0.1:${house.edgeLinkPort}`;
  return Promise.all(
    Array.from({ length: GATEWAYS }, async (_, index) => {
      const gatewayId = `gw_fleet_${index}`;
      const issued = await issueClient(authority, gatewayId, DAY_MS);
      const identity = { gatewayId, tenant: 'dev', site: 'site-1', ca: authority.certificate };
      const gateway = await startGateway({
        file: join(house.dir, `${gatewayId}.sqlite`),
        credentials: () => ({ ...identity, ...issued, grpcUrl }),
        openLink: (open) => noting(open, ends),
      });
      await gateway.accept(BACKLOG, reading(`store-${index}`, 'temperature', index));
      return gateway;
    }),
  );
}

/** Notes why streams end, as the uplink hears it. */
function noting(open: OpenLink, ends: AppError[]): OpenLink {
  return (credentials, events: LinkEvents) =>
    open(credentials, {
      ...events,
      onEnd(error) {
        if (error) ends.push(error);
        events.onEnd(error);
      },
    });
}

function reading(device: string, channel: string, value: number) {
  const topic = `devices/${device}/telemetry/${channel}`;
  return { topic, device, channel, payload: Buffer.from(JSON.stringify({ value })) };
}

/** One after the other: a hundred who ask at once would be a load of their own. */
async function liveIsAnswered(): Promise<void> {
  const missing = new Set(gateways.map((_, index) => `live-${index}`));
  await eventually(
    'the live reading of each gateway',
    async () => {
      for (const device of missing) if (await latest(house, device)) missing.delete(device);
      return missing.size === 0;
    },
    LIVE_TIMEOUT_MS,
  );
}

/** Of the cloud's process, as Linux counts it: now, or the most there ever was. */
function residentBytes(field: 'VmRSS' | 'VmHWM'): number {
  if (!existsSync(PROC)) return 0;
  const status = readFileSync(`/proc/${house.cloud.pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}
