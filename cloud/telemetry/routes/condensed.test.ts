import { merge, summaryOf } from '@holdfast/shared/domain/summary.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BEGIN, condensedRecord } from '../blocks.fixture.ts';
import { at, readings, TestApi } from './api.fixture.ts';

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.open();
  const one = summaryOf({ time: BEGIN, sequence: 1, value: 4 });
  const two = summaryOf({ time: BEGIN + 30e6, sequence: 3, value: 8 });
  const taken = { time: BEGIN + 30e6, receivedTime: BEGIN + 30e6, suspect: false };
  const numbers = {
    device: 'cold-01',
    metric: 'temperature',
    minutes: new Map([[BEGIN, merge(one, two)]]),
    latest: { ...taken, sequence: 3, value: 8 },
    texts: [],
  };
  const texts = [{ ...taken, sequence: 2, bytes: Buffer.from('open'), count: 1 }];
  const door = { ...numbers, metric: 'door', minutes: new Map(), latest: undefined, texts };
  await api.deliver(condensedRecord([numbers, door], { count: 3 }));
  await api.store(readings([7], { atMicros: 60e6 }), { first: 4 });
});
afterEach(() => api.close());

const path = '/v1/devices/cold-01/readings';
const origin = { gatewayId: 'gw_1', incarnation: '01a', lane: 'telemetry' };

it('raw readings say what is condensed, in its place', async () => {
  const { body } = await api.get(`${path}?metric=temperature`);
  const numbers = { count: 2, sum: 12, mean: 6, min: 4, max: 8, first: 4, last: 8 };
  expect(body.items).toEqual([
    { time: at(0), until: at(30), form: 'condensed', ...numbers, sequence: 1, ...origin },
    { time: at(60), receivedAt: at(60), value: 7, sequence: 4, ...origin },
  ]);
  const bySequence = await api.get(`${path}?metric=temperature&order=sequence`);
  expect(bySequence.body.items).toEqual(body.items);
});

it('a text that stands for its minute says so', async () => {
  const { body } = await api.get(`${path}?metric=door`);
  const text = { time: at(30), receivedAt: at(30), form: 'condensed', text: 'open', sequence: 2 };
  expect(body.items).toEqual([{ ...text, ...origin }]);
});

it('the gateways’ list counts condensed messages as held, and names them', async () => {
  await api.sql.transaction((tx) =>
    tx
      .insertInto('gateways')
      .values({
        tenant: 'dev',
        gateway_id: 'gw_1',
        site: 'site-1',
        state: 'connected',
        reason: null,
        incarnation: '01a',
        software_version: null,
        buffer_bytes: 0n,
        connected_devices: 0n,
        last_seen: 0n,
        reported_at: null,
        lanes: '[]',
      })
      .execute(),
  );
  const { body } = await api.get('/v1/gateways');
  expect(body.items[0].lanes[2].cloud).toMatchObject({ held: 4, condensed: 3, contiguous: 4 });
});
