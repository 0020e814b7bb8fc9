import { envelopeFromHeaders } from '@holdfast/shared/contracts/event-envelope.ts';
import { expect, it } from 'vitest';
import { type BatchIdentity, batchHeaders, batchOf } from './batch-event.ts';

const batch: BatchIdentity = {
  gatewayId: 'gw_0197',
  incarnation: '0197-aa',
  lane: 'telemetry',
  range: { first: 4097n, last: 8192n },
  checksum: 'ab'.repeat(16),
};
const origin = {
  live: false,
  peer: { gatewayId: 'gw_0197', tenant: 'dev', site: 'site-1' },
  region: 'local',
  timeMs: Date.UTC(2026, 0, 1),
  traceparent: '',
};

it('says in its headers which block an event carries', () => {
  const headers = batchHeaders(batch, origin);
  expect(batchOf(headers)).toEqual(batch);
  expect(envelopeFromHeaders(headers)).toMatchObject({
    id: 'gw_0197/0197-aa/telemetry/4097-8192',
    subject: 'gw_0197/0197-aa/telemetry',
    sequence: '4097',
    tenant: 'dev',
  });
  expect(headers['holdfast_site']).toBe('site-1');
});

it('marks a live block, and only that', () => {
  expect(batchHeaders(batch, { ...origin, live: true })['holdfast_live']).toBe('1');
  expect(batchHeaders(batch, origin)).not.toHaveProperty('holdfast_live');
});

it.each([
  ['no id', { ce_id: '' }],
  ['a lane of no name', { ce_id: 'g/i/other/1-2' }],
  ['a range backwards', { ce_id: 'g/i/stock/2-1' }],
  ['another type', { ce_type: 'order.placed.v1' }],
  ['no checksum', { holdfast_checksum: '' }],
])('does not read headers with %s', (_name, changes) => {
  expect(batchOf({ ...batchHeaders(batch, origin), ...changes })).toBeUndefined();
});
