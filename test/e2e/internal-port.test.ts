import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { rawCall } from '@holdfast/cloud/platform/peer/raw-call.fixture.ts';
import { openFileSecrets } from '@holdfast/cloud/platform/secrets/secrets.file.ts';
import { fetchServiceToken } from '@holdfast/cloud/wiring/peers.ts';
import { loadCredentials } from '@holdfast/edge/identity/identity-file.ts';
import { InventoryServiceService } from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import { secureTarget } from '@holdfast/shared/runtime/grpc.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serviceSecret } from './asking-peers.ts';
import { freePorts } from './free-ports.ts';
import { type House, prepareHouse } from './house.ts';

const runtime = testRuntime();
let house: House;
let address: string;

beforeAll(async () => {
  const [port] = await freePorts(1);
  address = `127.0.0.1:${port}`;
  // Off loopback it speaks TLS, so that a certificate can be shown at all.
  const env = { HOLDFAST_INTERNAL_HOST: '0.0.0.0', HOLDFAST_INTERNAL_PORT: String(port) };
  house = await prepareHouse({ env });
  house.cloud.start();
  await house.cloudReady();
  await house.enrol();
});
afterAll(() => house?.close());

test('the certificate of a gateway opens nothing, whatever token comes with it', async () => {
  const secrets = openFileSecrets({ dir: join(house.dir, 'cloud', 'secrets'), runtime });
  const { token } = await fetchServiceToken({
    url: house.cloudUrl,
    target: 'order',
    secret: await serviceSecret(secrets, 'order', runtime),
    nowMs: Date.now(),
  });
  await secrets.close();
  const { ca, key, certificate } = loadCredentials(join(house.dir, 'gateway'))!;
  const call = {
    address,
    method: InventoryServiceService.getLevels,
    request: { items: ['X'], site: '' },
    authorization: `Bearer ${token}`,
  };
  const service = await rawCall({ ...call, secure: secureTarget(address, { ca }) });
  expect(service).toBeNull();
  const gateway = await rawCall({
    ...call,
    secure: secureTarget(address, { ca, key, certificate }),
  });
  expect(gateway?.code).toBe(status.PERMISSION_DENIED);
  expect(gateway?.metadata.get('holdfast-code')).toEqual(['FORBIDDEN']);
});
