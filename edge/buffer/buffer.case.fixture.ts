import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { decodeBody, decompressBody } from '@holdfast/shared/lib/block-body.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach } from 'vitest';
import type { AcceptedMessage, BlockHead, Buffer as GatewayBuffer } from './buffer.ts';
import { openBufferStore } from './buffer-file.sqlite.ts';
import { bufferSettingsSchema } from './buffer-settings.ts';
import { openBuffer } from './open-buffer.ts';

export interface BufferChanges {
  readonly bytesMax?: number;
  readonly runtime?: Runtime;
}

export interface World {
  readonly folder: string;
  readonly file: string;
  open(changes?: BufferChanges): GatewayBuffer;
  /** Closes what was opened last, and opens it as it was opened first. */
  reopen(): Promise<GatewayBuffer>;
  remove(): void;
  /** Closes what was opened last, and removes all. */
  end(): Promise<void>;
}

let writes: 'inline' | 'thread' = 'inline';

/** Where the buffers of this test file are written from now on. */
export function writeIn(place: typeof writes): void {
  writes = place;
}

export function world(usual: BufferChanges = {}): World {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-buffer-'));
  const file = join(folder, 'buffer.sqlite');
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  let last: GatewayBuffer | undefined;
  const open = (changes: BufferChanges = {}): GatewayBuffer => {
    const { bytesMax, runtime = testRuntime() } = { ...usual, ...changes };
    const settings = { ...bufferSettingsSchema.parse({}), ...(bytesMax ? { bytesMax } : {}) };
    last = openBuffer(openBufferStore(file, runtime, { writes }), { runtime, settings }).buffer;
    return last;
  };
  return {
    folder,
    file,
    open,
    async reopen() {
      await last?.close();
      return open();
    },
    remove,
    async end() {
      await last?.close();
      remove();
    },
  };
}

/** Gives each test a buffer in a place of its own; both end with the test. */
export function openForEach(
  take: (opened: { place: World; buffer: GatewayBuffer }) => void,
  usual: BufferChanges = {},
): void {
  let place: World | undefined;
  beforeEach(() => {
    place = world(usual);
    take({ place, buffer: place.open() });
  });
  afterEach(async () => {
    await place?.end();
  });
}

export function message(changes: Partial<AcceptedMessage> = {}): AcceptedMessage {
  return {
    lane: 'telemetry',
    topic: 'devices/d1/telemetry/temperature',
    device: 'd1',
    channel: 'temperature',
    payload: Buffer.from('21.5'),
    qos: 1,
    retain: false,
    ...changes,
  };
}

export function keyed(sequence: number | bigint, changes: Partial<AcceptedMessage> = {}) {
  return message({ key: { boot: 'b1', sequence: BigInt(sequence) }, ...changes });
}

/** The payloads of the blocks, in order, as a cloud would read them. */
export async function payloads(buffer: GatewayBuffer, heads: readonly BlockHead[]) {
  const texts: string[] = [];
  for (const head of heads) {
    const block = await buffer.read(head);
    const body = decodeBody(decompressBody(block.codec, block.body));
    for (let index = 0; index < body.count; index++)
      texts.push(Buffer.from(body.record(index).payload).toString());
  }
  return texts;
}

/** Everything sealed and pending of a lane of the present incarnation. */
export function sealedOf(buffer: GatewayBuffer, lane: Lane): readonly BlockHead[] {
  return buffer.sealed(buffer.incarnation, lane, 1n, 1_000_000);
}

/** What the ledger says of the lane, with no line drawn. */
export function ledgerOf(buffer: GatewayBuffer, lane: Lane) {
  return buffer.ledger(new Map()).find((one) => one.lane === lane)!;
}

export const upTo = (last: number) => ({ contiguous: BigInt(last), ranges: [] });
export const range = (first: number, last: number) => ({
  first: BigInt(first),
  last: BigInt(last),
});
