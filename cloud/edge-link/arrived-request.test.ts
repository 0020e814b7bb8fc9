import { SyncRequest } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { expect, it } from 'vitest';
import { BLOCK_HEAD_BYTES_MAX, readRequest } from './arrived-request.ts';
import { blockOf, helloOf } from './raw-stream.fixture.ts';

/** Length-delimited fields by number; 99 is one that this version does not know. */
const TAGS = { 1: [0x0a], 4: [0x22], 99: [0x9a, 0x06] } as const;

function field(number: keyof typeof TAGS, bytes: Uint8Array): Uint8Array {
  const length = [(bytes.byteLength & 0x7f) | 0x80, bytes.byteLength >>> 7];
  return Buffer.concat([Buffer.from(TAGS[number]), Buffer.from(length), bytes]);
}

function frameWith(block: Uint8Array): Uint8Array {
  const numbers = Buffer.from([0x98, 0x06, 0x05, 0x9d, 0x06, 1, 2, 3, 4]);
  return Buffer.concat([field(1, Buffer.from('trace')), numbers, field(4, block), numbers]);
}

function laterBlock(bytes: number): Uint8Array {
  const known = SyncRequest.encode({
    traceparent: '',
    frame: { $case: 'block', value: blockOf(5, 9) },
  }).finish();
  const request = readRequest(known);
  return Buffer.concat([request.blockBytes!, field(99, new Uint8Array(bytes))]);
}

it('keeps the bytes of a block as they came, with fields of a later version', () => {
  const block = laterBlock(10);
  const request = readRequest(frameWith(block));
  expect(request.frame).toMatchObject({ $case: 'block', value: { firstSequence: 5n, count: 5 } });
  expect(request.traceparent).toBe('trace');
  expect(Buffer.from(request.blockBytes!)).toEqual(block);
});

it('keeps none of a block that is mostly what nobody counts', () => {
  expect(readRequest(frameWith(laterBlock(BLOCK_HEAD_BYTES_MAX))).blockBytes).toBeUndefined();
});

it('reads the other frames as they are', () => {
  const hello = { traceparent: '', frame: { $case: 'hello' as const, value: helloOf({}) } };
  expect(readRequest(SyncRequest.encode(hello).finish())).toEqual(hello);
});
