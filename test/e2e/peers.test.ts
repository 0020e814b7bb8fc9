import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signToken } from '@holdfast/cloud/auth/tokens.fixture.ts';
import type { PeerClient } from '@holdfast/cloud/platform/peer/peer.ts';
import { rawCall } from '@holdfast/cloud/platform/peer/raw-call.fixture.ts';
import { openFileSecrets } from '@holdfast/cloud/platform/secrets/secrets.file.ts';
import type { Secrets } from '@holdfast/cloud/platform/secrets/secrets.ts';
import { type CloudProcess, startCloud } from '@holdfast/cloud/process.ts';
import { cloudSettingsSchema } from '@holdfast/cloud/settings.ts';
import { TARGET_NAMES, type TargetName } from '@holdfast/cloud/targets.ts';
import { fetchServiceToken } from '@holdfast/cloud/wiring/peers.ts';
import type { Decoration } from '@holdfast/cloud/wiring/ports.ts';
import { InventoryServiceService } from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import type { OpenSql } from '@holdfast/shared/platform/sql/sql.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askPeers, serviceSecret } from './asking-peers.ts';

const runtime = testRuntime();
const scope = { tenant: 'dev', actor: 'usr_1' };
const boss: Principal = {
  subject: 'usr_boss',
  tenant: 'dev',
  sites: ['*'],
  roles: ['administrator'],
};
const STALL_MS = 200;

let dataDir: string;
let secrets: Secrets;
let undo: (() => Promise<unknown>)[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'holdfast-peers-'));
  secrets = openFileSecrets({ dir: join(dataDir, 'secrets'), runtime });
  undo = [];
});
afterEach(async () => {
  for (const each of undo.toReversed()) await each();
  await secrets.close();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Started {
  readonly process: CloudProcess;
  readonly url: string;
}

async function start(
  targets: readonly TargetName[],
  more: { decoration?: Decoration; settings?: object } = {},
): Promise<Started> {
  const settings = cloudSettingsSchema.parse({
    dataDir,
    http: { port: 0 },
    edgeLink: { port: 0 },
    internal: { port: 0 },
    ...more.settings,
  });
  const { decoration } = more;
  const process = await startCloud({
    targets,
    settings,
    runtime,
    ...(decoration ? { decoration } : {}),
  });
  undo.push(() => process.stop());
  return { process, url: `http://127.0.0.1:${process.httpPort}` };
}

/** What the wiring of a process with the target `order`, and without `auth`, makes of settings. */
async function orderAsking(
  auth: string,
  inventory: string,
): Promise<PeerClient<typeof InventoryServiceService>> {
  const peers = askPeers({ secrets, runtime, peers: { auth, inventory } });
  undo.push(() => peers.close());
  return peers.client('order' as TargetName, 'inventory', InventoryServiceService);
}

const levels = { items: ['X'], site: '' };

describe('services in processes of their own', () => {
  it('call each other with tokens that auth gives them, over restarts of the callee', async () => {
    const auth = await start(['auth']);
    const peers = { auth: auth.url };
    const callee = await start(['inventory'], { settings: { peers } });
    const port = callee.process.internalPort!;
    const order = await orderAsking(auth.url, `127.0.0.1:${port}`);
    await expect(order.getLevels(levels, { scope })).resolves.toBeDefined();
    await callee.process.stop();
    const waiting = order.getLevels(levels, { scope });
    await start(['inventory'], { settings: { peers, internal: { port } } });
    await expect(waiting).resolves.toBeDefined();
  });

  it('do not take a token for the other door', async () => {
    const { process, url } = await start(['auth', 'inventory']);
    const address = `127.0.0.1:${process.internalPort}`;
    const person = `Bearer ${await signToken(secrets, boss)}`;
    const refused = await rawLevels(address, person);
    expect(refused?.metadata.get('holdfast-code')).toEqual(['TOKEN_INVALID']);
    const secret = await serviceSecret(secrets, 'order', runtime);
    const target = 'order' as TargetName;
    const { token } = await fetchServiceToken({ url, target, secret, nowMs: Date.now() });
    const headers = { authorization: `Bearer ${token}` };
    expect(await rawLevels(address, headers.authorization)).toBeNull();
    const outside = await fetch(`${url}/v1/auth/me`, { headers });
    expect([outside.status, await outside.json()]).toMatchObject([401, { code: 'TOKEN_INVALID' }]);
    const wrong = { url, target, secret: Buffer.alloc(32), nowMs: 0 };
    await expect(fetchServiceToken(wrong)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('a disk that stalls', () => {
  it('holds up its own service, and no other in the process', async () => {
    let stalled = 0;
    let disk = { recovers: () => {}, recovered: Promise.resolve() };
    const decoration = {
      sql:
        (open: OpenSql): OpenSql =>
        async (options) => {
          const sql = await open<never>(options);
          if (options.service !== 'auth') return sql as never;
          return {
            ...sql,
            async transaction(work: never) {
              const done = await sql.transaction(work);
              stalled++;
              await Promise.all([runtime.clock.sleep(STALL_MS), disk.recovered]);
              return done;
            },
          } as never;
        },
    };
    const settings = { auth: { developmentUsers: true } };
    const { process, url } = await start(TARGET_NAMES, { decoration, settings });
    const order = await orderAsking(url, `127.0.0.1:${process.internalPort}`);
    const authorization = `Bearer ${await signToken(secrets, boss)}`;
    const get = (path: string) => fetch(`${url}${path}`, { headers: { authorization } });
    await order.getLevels(levels, { scope });
    const answered: string[] = [];
    const note = (name: string) => (): void => void answered.push(name);
    stalled = 0;
    // As long as the others need, and not less than STALL_MS: however slow this machine is.
    const { promise, resolve } = Promise.withResolvers<void>();
    disk = { recovered: promise, recovers: resolve };
    const gateway = fetch(`${url}/v1/gateways/claims`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ site: 'site-1' }),
    }).then(note('auth'));
    await expect.poll(() => stalled, { interval: 1 }).toBe(1);
    const reservationId = 'rsv_0190f5b6-0000-7000-8000-000000000000';
    await Promise.all([
      get('/v1/products').then(note('product')),
      get('/v1/gateways').then(note('telemetry')),
      order.release({ reservationId, reason: 'test' }, { scope }).then(note('inventory')),
    ]);
    expect(answered.toSorted()).toEqual(['inventory', 'product', 'telemetry']);
    disk.recovers();
    await gateway;
    expect(answered.at(-1)).toBe('auth');
  });
});

function rawLevels(address: string, authorization: string) {
  const method = InventoryServiceService.getLevels;
  return rawCall({ address, authorization, method, request: levels });
}
