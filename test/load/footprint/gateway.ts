import { createPublicKey } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openAuthorityIn } from '@holdfast/cloud/platform/certificate-authority/authority.fixture.ts';
import { drawKey } from '@holdfast/edge/identity/gateway-key.ts';
import { writeIdentity } from '@holdfast/edge/identity/identity-file.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { freePorts } from '../../e2e/free-ports.ts';
import { COMPILE_CACHE, ROOT } from '../../e2e/process.ts';
import type { Ground, Started } from '../ground.ts';
import { withoutSettings } from '../servers/holdfast.ts';

const YEAR_MS = 31_536_000_000;
/** Ten million random payloads of 256 B are more than the default budget. */
const BUFFER_BYTES_MAX = 16 * 1024 ** 3;

/** An enrolled gateway whose cloud does not answer: everything that it accepts is backlog. */
export interface OfflineGateway {
  readonly mqttPort: number;
  readonly dataDir: string;
  start(): Started;
  /** Messages that it accepted so far, of all lanes. */
  accepted(): Promise<number>;
}

export async function prepareGateway(ground: Ground, name: string): Promise<OfflineGateway> {
  const [mqttPort, pagesPort, nobody] = (await freePorts(3)) as [number, number, number];
  const dataDir = ground.path(name);
  mkdirSync(dataDir, { mode: 0o700 });
  await enrol(ground, { dataDir, grpcUrl: `127.0.0.1:${nobody}` });
  return {
    mqttPort,
    dataDir,
    start: () =>
      ground.start({
        name,
        program: process.execPath,
        args: [`${ROOT}edge/main.ts`, 'run'],
        env: {
          ...withoutSettings(process.env),
          ...COMPILE_CACHE,
          HOLDFAST_DATA_DIR: dataDir,
          HOLDFAST_MQTT_PORT: String(mqttPort),
          HOLDFAST_PAGES_PORT: String(pagesPort),
          HOLDFAST_BUFFER_BYTES_MAX: String(BUFFER_BYTES_MAX),
          HOLDFAST_LOG_LEVEL: 'warn',
        },
      }),
    async accepted() {
      const response = await fetch(`http://127.0.0.1:${pagesPort}/v1/status`);
      const { lanes } = (await response.json()) as { lanes: { accepted: number }[] };
      return lanes.reduce((sum, lane) => sum + lane.accepted, 0);
    },
  };
}

async function enrol(
  ground: Ground,
  { dataDir, grpcUrl }: { dataDir: string; grpcUrl: string },
): Promise<void> {
  const authority = await openAuthorityIn(join(ground.dir, 'authority'), systemClock);
  const key = drawKey();
  const { certificate } = await authority.issue({
    purpose: 'client',
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    subject: { commonName: 'gw_bench' },
    names: [],
    validityMs: YEAR_MS,
  });
  const ca = authority.certificate;
  const place = { tenant: 'bench', site: 'bench', cloudUrl: `https://${grpcUrl}`, grpcUrl };
  const current = { gatewayId: 'gw_bench', ...place, key, certificate, ca, claimId: 'bench' };
  writeIdentity(dataDir, { version: 1, current, lastKnownTimeMs: systemClock.now() });
}
