import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Buffer as GatewayBuffer } from '@holdfast/edge/buffer/buffer.ts';
import { bufferOnDisk } from '@holdfast/edge/buffer/buffer-reader.sqlite.ts';
import type { StreamRow } from '@holdfast/edge/buffer/buffer-store.ts';
import type { GatewayCredentials } from '@holdfast/edge/identity/credentials.ts';
import { writeIdentity } from '@holdfast/edge/identity/identity-file.ts';
import { type GatewayProcess, startGateway } from '@holdfast/edge/process.ts';
import { gatewaySettingsSchema } from '@holdfast/edge/settings.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import type { CloudWorld } from '../../e2e/edge-stream/cloud.fixture.ts';
import { startGateway as startParts, until } from '../../e2e/edge-stream/gateway.fixture.ts';
import { auditCycle, type CycleVerdict } from './audit.ts';
import {
  appendOne,
  BUFFER_FILE,
  copyFolder,
  drawMessage,
  type Known,
  type Master,
} from './content.ts';
import { deliveredOf } from './delivered.ts';
import { damageFolder } from './faults.ts';
import { plantAfterStop, plantBeforeStart } from './planted.ts';
import type { DamagePlant } from './plants.ts';
import { standingRows } from './readable.ts';

const DRAIN_TIMEOUT_MS = 20_000;
/** A gateway with a planted bug may never drain. */
const PLANTED_DRAIN_TIMEOUT_MS = 2_000;
const NEW_MESSAGES = 20;

export interface CycleOptions {
  readonly name: string;
  readonly master: Master;
  readonly folder: string;
  readonly cloud: CloudWorld;
  readonly random: Random;
  readonly plant: DamagePlant | undefined;
}

export interface CycleResult {
  readonly fault: string;
  readonly failedStart: string | undefined;
  readonly verdict: CycleVerdict;
}

/**
 * One life of a gateway: a folder with known content, perhaps half drained and killed; a fault in
 * its files; a start, new messages, and the drain; then both ends are compared.
 */
export async function runCycle(options: CycleOptions): Promise<CycleResult> {
  const { name, master, folder, cloud, random, plant } = options;
  const credentials = await cloud.credentials(name);
  copyFolder(master.folder, folder);
  const identity = { ...credentials, cloudUrl: 'https://127.0.0.1:1', claimId: 'torture' };
  writeIdentity(folder, { version: 1, current: identity, lastKnownTimeMs: 0 });
  copyFileSync(join(folder, 'identity.json'), `${folder}.identity`);
  if (random.int(2) === 0) await drainAndKill({ ...options, credentials });
  const standing = standingRows(folder);
  const streamsBefore = streamsIn(folder);
  const fault = damageFolder(folder, random);
  plantBeforeStart(folder, plant);
  const life = await liveOn(options);
  plantAfterStop(folder, plant);
  const events = (await cloud.events('telemetry.batches')).filter((event) =>
    event.headers['ce_subject']?.startsWith(`${name}/`),
  );
  const verdict = auditCycle({
    known: [...master.pending, ...life.added],
    ended: master.ended,
    delivered: deliveredOf(events, plant),
    // Where nothing started there may be no file to read.
    streams: life.failedStart === undefined ? streamsIn(folder) : streamsBefore,
    streamsBefore,
    standing,
    touched: fault.touched,
  });
  rmSync(folder, { recursive: true, force: true });
  rmSync(`${folder}.identity`, { force: true });
  return { fault: fault.text, failedStart: life.failedStart, verdict };
}

/** Part of it is delivered, and the disk is left as a kill leaves it. */
async function drainAndKill({
  folder,
  random,
  credentials,
}: CycleOptions & { credentials: GatewayCredentials }): Promise<void> {
  const alive = `${folder}.alive`;
  copyFolder(folder, alive);
  const gateway = await startParts({
    file: join(alive, BUFFER_FILE),
    credentials: () => credentials,
  });
  const atStart = gateway.pending();
  const left = Math.floor(atStart * random.fraction());
  await until('part of it is delivered', () => gateway.pending() <= left, DRAIN_TIMEOUT_MS);
  // Its writer is inline: between two turns of the event loop the files belong together.
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  copyFolder(alive, folder);
  await gateway.stop();
  rmSync(alive, { recursive: true });
}

interface Life {
  readonly added: readonly Known[];
  readonly failedStart: string | undefined;
}

async function liveOn(options: CycleOptions): Promise<Life> {
  const { folder, name, random, plant } = options;
  let gateway: GatewayProcess | undefined;
  let added: readonly Known[] = [];
  try {
    gateway = await start(folder);
    const ids = Array.from({ length: NEW_MESSAGES }, (_, at) => `n${at}`);
    added = await Promise.all(ids.map((id) => appendWell(gateway!.parts.buffer, id, random)));
    if (!gateway.parts.uplink) {
      // Its identity is gone: a person gives it back.
      await gateway.stop();
      copyFileSync(`${folder}.identity`, join(folder, 'identity.json'));
      gateway = await start(folder);
    }
    const { buffer } = gateway.parts;
    const timeoutMs = plant ? PLANTED_DRAIN_TIMEOUT_MS : DRAIN_TIMEOUT_MS;
    const drained = until(`${name} drains`, () => pendingIn(buffer) === 0, timeoutMs);
    // Where it does not, the audit says what is missing.
    await Promise.allSettled([drained]);
    return { added, failedStart: undefined };
  } catch (error) {
    return { added, failedStart: error instanceof Error ? String(error.stack) : String(error) };
  } finally {
    await gateway?.stop();
  }
}

function start(dataDir: string): Promise<GatewayProcess> {
  const settings = gatewaySettingsSchema.parse({
    dataDir,
    pages: { port: 0 },
    mqtt: { port: 0 },
    tracing: { exporter: 'none' },
    uplink: { liveSealMs: 5, retryDelayMsMin: 10, retryDelayMsMax: 50 },
  });
  return startGateway({ settings, runtime: testRuntime() });
}

/** A fault that is met at work makes the buffer refuse for a while; devices then send again. */
async function appendWell(buffer: GatewayBuffer, id: string, random: Random): Promise<Known> {
  const message = drawMessage(id, { random, keyed: true });
  let added: Known | undefined;
  await until('a message is taken', async () => {
    const [stored] = await Promise.allSettled([appendOne(buffer, message)]);
    if (stored.status === 'fulfilled') added = { id, ...stored.value };
    return added !== undefined;
  });
  return added!;
}

function pendingIn(buffer: GatewayBuffer): number {
  return buffer.ledger(new Map()).reduce((sum, lane) => sum + lane.pending, 0);
}

function streamsIn(folder: string): readonly StreamRow[] {
  const reader = bufferOnDisk(join(folder, BUFFER_FILE)).open();
  try {
    return reader.streams();
  } finally {
    reader.close();
  }
}
