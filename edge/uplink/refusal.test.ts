import { RefusalReason } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { expect, it } from 'vitest';
import { answerRefusal, type Refusal, type RefusalFacts, refusalFromWire } from './refusal.ts';

const facts: RefusalFacts = { lane: 'telemetry', kind: 'live', covered: 'disjoint', resends: 0 };

it.each<[Refusal, Partial<RefusalFacts>, string]>([
  ['partly-covered', { covered: 'partly' }, 'park'],
  ['partly-covered', { covered: 'covered' }, 'done'],
  ['partly-covered', { covered: 'disjoint' }, 'send-again'],
  ['partly-covered', { covered: 'disjoint', resends: 1 }, 'park'],
  ['gap', { lane: 'stock' }, 'settle'],
  ['gap', { lane: 'stock', resends: 3 }, 'stuck'],
  ['conflict', { covered: 'covered' }, 'park'],
  ['checksum', {}, 'send-again'],
  ['checksum', { lane: 'stock' }, 'settle'],
  ['checksum', { resends: 1 }, 'park'],
  ['too-large', {}, 'park'],
  ['too-many-ranges', {}, 'backlog-only'],
  ['too-many-ranges', { kind: 'backlog' }, 'settle'],
  ['too-many-ranges', { kind: 'backlog', resends: 3 }, 'stuck'],
  ['unknown', {}, 'end'],
])('%s %o → %s', (refusal, changes, expected) => {
  expect(answerRefusal(refusal, { ...facts, ...changes })).toBe(expected);
});

it('takes a reason of a newer cloud as unknown', () => {
  expect(refusalFromWire(RefusalReason.REFUSAL_REASON_GAP)).toBe('gap');
  expect(refusalFromWire(99 as RefusalReason)).toBe('unknown');
});
