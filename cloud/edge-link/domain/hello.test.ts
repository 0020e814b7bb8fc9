import type { Hello } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { Lane as WireLane } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { expect, it } from 'vitest';
import { readHello } from './hello.ts';

const peer = { gatewayId: 'gw_1', tenant: 'dev', site: 'site-1' };
const position = {
  incarnation: 'i1',
  lane: WireLane.LANE_STOCK,
  acknowledged: { contiguous: 3n, ranges: [{ first: 5n, last: 6n }] },
  accepted: 9n,
  settled: undefined,
};
const hello: Hello = {
  gatewayId: 'gw_1',
  incarnation: 'i1',
  protocolVersion: 1,
  features: [],
  positions: [position],
  lastTurn: Buffer.alloc(16, 7),
  softwareVersion: '0.1.0',
};

it('reads a Hello', () => {
  expect(readHello(hello, peer)).toEqual({
    incarnation: 'i1',
    lastTurn: '07'.repeat(16),
    softwareVersion: '0.1.0',
    lanes: [{ ...position, lane: 'stock', settled: { contiguous: 0n, ranges: [] } }],
  });
});

it('serves a gateway that speaks a newer protocol', () => {
  expect(readHello({ ...hello, protocolVersion: 2 }, peer).incarnation).toBe('i1');
});

const backwards = { contiguous: 0n, ranges: [{ first: 6n, last: 5n }] };
it.each<[string, Partial<Hello>, string]>([
  ['another gateway', { gatewayId: 'gw_2' }, 'FORBIDDEN'],
  ['no protocol version', { protocolVersion: 0 }, 'PROTOCOL_UNSUPPORTED'],
  ['no incarnation', { incarnation: '' }, 'REQUEST_INVALID'],
  ['an incarnation that would break a key', { incarnation: 'a/b' }, 'REQUEST_INVALID'],
  ['half a turn', { lastTurn: Buffer.alloc(8) }, 'REQUEST_INVALID'],
  ['a lane of no name', { positions: [{ ...position, lane: 0 }] }, 'REQUEST_INVALID'],
  ['a range backwards', { positions: [{ ...position, settled: backwards }] }, 'REQUEST_INVALID'],
])('refuses %s', (_name, changes, code) => {
  expect(() => readHello({ ...hello, ...changes }, peer)).toThrowError(
    expect.objectContaining({ code }),
  );
});
