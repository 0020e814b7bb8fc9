import { streamName } from '@holdfast/shared/domain/block-event.ts';
import { describe, expect, it } from 'vitest';
import { BEGIN, type BlockOptions, blockRecord, type Message } from '../blocks.fixture.ts';
import { openBlockEvent } from './block-event.ts';
import { type Reading, readingAt } from './reading.ts';

function open(messages: readonly Message[], options: BlockOptions = {}) {
  const { headers, value } = blockRecord(messages, options);
  const origin = { topic: 'telemetry.batches', partition: 0, offset: 7n, body: value };
  return openBlockEvent(headers, origin);
}

/** The readings of each series, by `device/metric`. */
function readings(messages: readonly Message[], options: BlockOptions = {}) {
  const opened = open(messages, options);
  if (opened.kind !== 'block') throw new Error(JSON.stringify(opened.kind));
  const found = new Map<string, Reading[]>();
  for (const { device, metric, hours } of opened.block.series) {
    const all = [...hours.values()].flatMap((columns) =>
      columns.times.map((_, index) => readingAt(columns, index)),
    );
    found.set(`${device}/${metric}`, all);
  }
  return found;
}

describe('a block that can be read', () => {
  const temperature = (payload: unknown, atMicros = 0): Message => ({
    channel: 'temperature',
    payload,
    atMicros,
  });

  it('becomes a reading per measurement, with sequence and both times', () => {
    const ts = '2020-05-05T07:17:51Z';
    const found = readings([temperature(4.5), temperature({ value: 4, battery: 2.9, ts }, 5)], {
      first: 100,
    });
    const time = Date.UTC(2020, 4, 5, 7, 17, 51) * 1000;
    const receivedTime = BEGIN + 5;
    expect(found).toEqual(
      new Map([
        [
          'cold-01/temperature',
          [
            { time: BEGIN, receivedTime: BEGIN, sequence: 100, flags: 0, content: 4.5 },
            { time, receivedTime, sequence: 101, flags: 0, content: 4 },
          ],
        ],
        [
          'cold-01/temperature.battery',
          [{ time, receivedTime, sequence: 101, flags: 0, content: 2.9 }],
        ],
      ]),
    );
  });

  it('is not looked into when all of it is held', () => {
    const { headers, value } = blockRecord([temperature(1), temperature(2)], { first: 5 });
    const origin = { topic: 'telemetry.batches', partition: 0, offset: 7n, body: value };
    const heldUpTo = (contiguous: bigint) => {
      const stream = streamName({ ...key, lane: 'telemetry' });
      return openBlockEvent(headers, origin, new Map([[stream, { contiguous, ranges: [] }]]));
    };
    const key = { tenant: 'dev', gatewayId: 'gw_1', incarnation: '01a' };
    expect(heldUpTo(6n)).toEqual({ kind: 'repeat', recordCount: 2 });
    expect(heldUpTo(5n).kind).toBe('block');
  });

  it('keeps what has no channel whole, under the name of its lane', () => {
    const found = readings([{ payload: { kind: 'door', open: true } }], { lane: 'event' });
    const [reading] = found.get('cold-01/event')!;
    expect(Buffer.from(reading!.content as Uint8Array).toString()).toBe(
      '{"kind":"door","open":true}',
    );
  });

  it('keeps a reading of every record, also when the gateway began in 1970', () => {
    const found = readings([temperature(1, 0), temperature('x', 90_000_000), temperature({}, 1)]);
    expect([...found.values()].flat().length).toBe(3);
  });
});

describe('a block that cannot be read is parked with its reason', () => {
  const one: Message[] = [{ channel: 't', payload: 1 }];
  const cases: [string, string, BlockOptions][] = [
    ['checksum', 'the checksum does not fit', { spoil: { body: Buffer.from('?') } }],
    ['checksum', 'the checksum does not fit', { spoil: { count: 2 } }],
    ['undecodable', 'does not decompress', { forge: { codec: 2, body: Buffer.from('?') } }],
    ['undecodable', 'malformed', { forge: { codec: 1, body: Buffer.from('??') } }],
    ['undecodable', 'claims 2', { forge: { count: 2 } }],
    ['undecodable', 'malformed', { forge: { form: 2 } }],
    ['undecodable', 'form 9', { forge: { form: 9 as never } }],
    ['undecodable', 'codec 9', { forge: { codec: 9 as never } }],
    ['unreadable', 'another stream', { forge: { incarnation: '01b' } }],
    ['unreadable', 'another stream', { forge: { lane: 1 } }],
    ['unreadable', 'no record', { forge: { count: 0 } }],
    ['unreadable', 'out of range', { forge: { firstSequence: 2n ** 63n } }],
  ];
  it.each(cases)('%s: %s', (reason, detail, options) => {
    const opened = open(one, options);
    if (opened.kind !== 'parked') throw new Error('it was read');
    expect(opened.parked.reason).toBe(reason);
    expect(opened.parked.detail).toContain(detail);
    expect(opened.parked.origin.offset).toBe(7n);
  });

  it('unreadable: an envelope without tenant, or bytes that are no block', () => {
    const { headers, value } = blockRecord(one);
    const origin = { topic: 'telemetry.batches', partition: 0, offset: 1n, body: value };
    const { ce_tenant: _, ...rest } = headers;
    expect(openBlockEvent(rest, origin)).toMatchObject({ parked: { reason: 'unreadable' } });
    const garbage = { ...origin, body: Buffer.from('garbage') };
    expect(openBlockEvent(headers, garbage)).toMatchObject({ parked: { reason: 'unreadable' } });
  });
});
