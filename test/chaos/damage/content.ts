import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AcceptedMessage, Buffer as GatewayBuffer } from '@holdfast/edge/buffer/buffer.ts';
import { openBufferStore } from '@holdfast/edge/buffer/buffer-file.sqlite.ts';
import { bufferSettingsSchema } from '@holdfast/edge/buffer/buffer-settings.ts';
import { openBuffer } from '@holdfast/edge/buffer/open-buffer.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';

export const BUFFER_FILE = 'buffer.sqlite';

/** One message that was acknowledged to its device. */
export interface Known {
  readonly id: string;
  readonly incarnation: string;
  readonly lane: Lane;
  readonly sequence: bigint;
  readonly payload: string;
}

/** A gateway's folder with known content. */
export interface Master {
  readonly folder: string;
  /** What was neither acknowledged by a cloud nor set aside when the folder was made. */
  readonly pending: readonly Known[];
  /** The others: a fault may bring them back, as what they were. */
  readonly ended: readonly Known[];
}

const ROUNDS = 120;
const GROUP_MAX = 16;
const LANE_DRAW: readonly Lane[] = ['telemetry', 'telemetry', 'telemetry', 'event', 'stock'];
const LONG_BYTES_MAX = 20_000;

/**
 * Fills a folder: groups and blocks in three lanes, some acknowledged, some parked, bodies that
 * overflow their page. Left as after a kill, its write-ahead log full, or as after a clean stop.
 */
export async function buildMaster(
  folder: string,
  { random, killed }: { random: Random; killed: boolean },
): Promise<Master> {
  const work = `${folder}.work`;
  mkdirSync(work, { recursive: true });
  const runtime = testRuntime({ random });
  const open = (): GatewayBuffer =>
    openBuffer(openBufferStore(join(work, BUFFER_FILE), runtime), {
      runtime,
      settings: bufferSettingsSchema.parse({}),
    }).buffer;
  let buffer = open();
  const filler = createFiller(random);
  for (let round = 0; round < ROUNDS; round++) {
    await filler.round(buffer);
    if (round === ROUNDS / 2) {
      await buffer.close();
      buffer = open();
    }
  }
  if (!killed) await buffer.close();
  copyFolder(work, folder);
  await buffer.close();
  rmSync(work, { recursive: true });
  return { folder, pending: filler.pending(), ended: filler.ended() };
}

export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (!name.endsWith('-shm')) copyFileSync(join(from, name), join(to, name));
  }
}

/** Appends messages whose payloads say which they are; returns those that were stored. */
export async function appendKnown(
  buffer: GatewayBuffer,
  ids: readonly string[],
  random: Random,
): Promise<Known[]> {
  const messages = ids.map((id, at) => drawMessage(id, { random, keyed: at % 2 === 0 }));
  const appended = messages.map((message) => appendOne(buffer, message));
  return (await Promise.all(appended)).map((stored, at) => ({ id: ids[at]!, ...stored }));
}

/**
 * A duplicate is one that was stored before, when its acknowledgement was lost; its sequence is not
 * known then.
 */
export async function appendOne(
  buffer: GatewayBuffer,
  message: AcceptedMessage,
): Promise<Omit<Known, 'id'>> {
  const outcome = await buffer.append(message);
  const { lane, payload } = message;
  if (outcome.kind === 'full') throw new Error(`there is no room in ${lane}`);
  const sequence = outcome.kind === 'stored' ? outcome.sequence : 0n;
  return {
    incarnation: buffer.incarnation,
    lane,
    sequence,
    payload: Buffer.from(payload).toString(),
  };
}

export function drawMessage(
  id: string,
  { random, keyed }: { random: Random; keyed: boolean },
): AcceptedMessage {
  const lane = LANE_DRAW[random.int(LANE_DRAW.length)]!;
  const device = `device-${random.int(5)}-${id[0]}`;
  const isLong = random.int(40) === 0;
  const pad = 'x'.repeat(random.int(isLong ? LONG_BYTES_MAX : 120));
  const sequence = BigInt(Number.parseInt(id.replace(/\D/g, ''), 10));
  return {
    lane,
    topic: `devices/${device}/${lane}/load`,
    device,
    channel: 'load',
    payload: Buffer.from(JSON.stringify({ id, pad })),
    qos: 1,
    retain: false,
    ...(keyed ? { key: { boot: 'b', sequence } } : {}),
  };
}

function createFiller(random: Random) {
  const all: Known[] = [];
  const ended = new Set<string>();
  const end = ({ incarnation, lane }: Known, upTo: bigint, from = 1n): void => {
    for (const one of all) {
      const isIn = one.sequence >= from && one.sequence <= upTo;
      if (isIn && one.lane === lane && one.incarnation === incarnation) ended.add(one.id);
    }
  };
  return {
    pending: () => all.filter(({ id }) => !ended.has(id)),
    ended: () => all.filter(({ id }) => ended.has(id)),
    async round(buffer: GatewayBuffer): Promise<void> {
      const ids = Array.from(
        { length: 1 + random.int(GROUP_MAX) },
        (_, at) => `m${all.length + at}`,
      );
      const stored = await appendKnown(buffer, ids, random);
      all.push(...stored);
      const some = stored[0]!;
      if (random.int(6) > 0) return;
      await buffer.seal(some.lane);
      const heads = buffer.sealed(some.incarnation, some.lane, 1n, 10);
      const [head] = heads;
      if (!head || random.int(3) > 0) return;
      if (random.int(4) === 0) {
        await buffer.park(head.incarnation, head.lane, head.range, 'conflict');
        end(some, head.range.last, head.range.first);
      } else {
        const position = buffer
          .positions()
          .find((one) => one.lane === head.lane && one.incarnation === head.incarnation)!;
        const ranges = [...position.acknowledged.ranges, head.range];
        await buffer.acknowledge(head.incarnation, head.lane, { contiguous: 0n, ranges });
        end(some, head.range.last, head.range.first);
      }
    },
  };
}
