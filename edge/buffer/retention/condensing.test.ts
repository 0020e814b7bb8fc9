import { decodeCondensed, encodeCondensed } from '@holdfast/shared/domain/condensed-body.ts';
import { decodeBody, encodeBody } from '@holdfast/shared/lib/block-body.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Condensing } from './condensing.ts';

const BASE = Date.UTC(2026, 0, 1) * 1000;
const EPOCH = {
  bootId: 'b',
  baseMonotonicMicros: 0n,
  offsetMicros: BigInt(BASE),
  confirmed: true,
};

interface Drawn {
  readonly device: string | undefined;
  readonly channel: string | undefined;
  readonly payload: string;
  readonly atMs: number;
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  device: fc.constantFrom('d1', 'd2', undefined),
  channel: fc.constantFrom('t', 'h', undefined),
  payload: fc.oneof(
    // Whole numbers, so that no order of adding rounds.
    fc.integer({ min: -1000, max: 1000 }).map(String),
    fc
      .record({ value: fc.nat(99), battery: fc.nat(99), seq: fc.nat(9), boot: fc.constant('b') })
      .map((object) => JSON.stringify(object)),
    fc.constantFrom('open', '"closed"', '{"state":"on"}', '\u{fffd}', ''),
  ),
  atMs: fc.nat(300_000),
});

function bodyOf(records: readonly Drawn[]) {
  return decodeBody(
    encodeBody(
      records.map(({ device, channel, payload, atMs }) => ({
        topic: 'some/topic',
        device,
        channel,
        payload: Buffer.from(payload),
        qos: 1 as const,
        retain: false,
        epoch: EPOCH,
        elapsedMicros: atMs * 1000,
      })),
    ),
  );
}

/** All at once. */
function condensed(records: readonly Drawn[], firstSequence: bigint) {
  const condensing = new Condensing();
  const body = bodyOf(records);
  condensing.add(body, { firstSequence, from: 0, to: body.count });
  return condensing;
}

/** By name, with the series of no order. */
function shown(condensing: Condensing) {
  return Object.fromEntries(
    condensing.result().map(({ device, metric, minutes, latest, texts }) => [
      `${device} ${metric}`,
      {
        minutes: [...minutes].sort(([a], [b]) => a - b),
        latest,
        texts: [...texts]
          .map((text) => ({ ...text, bytes: Buffer.from(text.bytes).toString() }))
          .sort((a, b) => a.sequence - b.sequence),
      },
    ]),
  );
}

describe('condensing', () => {
  it('keeps count, sum, min, max, first and last of each minute, by device and metric', () => {
    const at = (second: number, payload: string): Drawn => ({
      device: 'd1',
      channel: 't',
      payload,
      atMs: second * 1000,
    });
    const one = condensed([at(1, '{"value":4}'), at(59, '2'), at(30, '9'), at(61, '5')], 11n);
    const [series] = one.result();
    expect(series).toMatchObject({ device: 'd1', metric: 't', texts: [] });
    expect([...series!.minutes]).toEqual([
      [
        BASE,
        {
          count: 3,
          sum: 15,
          min: 2,
          max: 9,
          first: { time: BASE + 1e6, sequence: 11, value: 4 },
          last: { time: BASE + 59e6, sequence: 12, value: 2 },
        },
      ],
      [BASE + 60e6, expect.objectContaining({ count: 1, sum: 5 })],
    ]);
    expect(series!.latest).toMatchObject({ sequence: 14, value: 5 });
  });

  it('keeps the last text of each minute, and says how many it stands for', () => {
    const text = (atMs: number, payload: string): Drawn => {
      return { device: 'd1', channel: 'door', payload, atMs };
    };
    const one = condensed([text(1, 'open'), text(2, 'shut'), text(61_000, 'open')], 1n);
    const [series] = one.result();
    expect(series!.texts.map(({ sequence, count }) => [sequence, count])).toEqual([
      [2, 2],
      [3, 1],
    ]);
  });

  it('comes to the same however the records are cut, condensed again and carried', () => {
    fc.assert(
      fc.property(
        fc.array(drawn, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(59), { maxLength: 6 }),
        (records, cuts) => {
          const whole = condensed(records, 5n);
          const joined = new Condensing();
          const ends = [...new Set(cuts), records.length].sort((a, b) => a - b);
          let from = 0;
          for (const to of ends.filter((end) => end <= records.length)) {
            if (to === from) continue;
            const part = condensed(records.slice(from, to), 5n + BigInt(from));
            const bytes = encodeCondensed(part.result(), 5n + BigInt(from));
            expect(bytes.byteLength).toBeLessThanOrEqual(part.bytesMax);
            const block = { firstSequence: 5n + BigInt(from), count: to - from };
            joined.addCondensed(decodeCondensed(bytes, block));
            from = to;
          }
          expect(shown(joined)).toEqual(shown(whole));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a condensed body', () => {
  it('that is damaged is told as such, and never throws otherwise', () => {
    const one = condensed([{ device: 'd', channel: 't', payload: '1', atMs: 1 }], 1n);
    const bytes = encodeCondensed(one.result(), 1n);
    fc.assert(
      fc.property(fc.nat(bytes.byteLength - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = damaged[at]! ^ flip;
        try {
          decodeCondensed(damaged, { firstSequence: 1n, count: 1 });
        } catch (error) {
          expect(error).toMatchObject({ code: 'STORE_DAMAGED' });
        }
      }),
    );
  });
});
