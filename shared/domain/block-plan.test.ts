import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlacedBlock, planBlocks } from './block-plan.ts';
import { type PositionSet, rangeOf } from './ranges.ts';

const STREAM = 'gw_1/01a/telemetry';

function block(first: number, count: number, stream = STREAM): PlacedBlock {
  return { stream, range: rangeOf(BigInt(first), count) };
}

describe('planBlocks', () => {
  it('tells new, repeated and overlapping blocks apart', () => {
    const held = new Map([[STREAM, { contiguous: 10n, ranges: [{ first: 21n, last: 30n }] }]]);
    const [covered, next, partly, inRange] = [
      block(1, 10),
      block(11, 5),
      block(30, 2),
      block(22, 3),
    ];
    const plan = planBlocks([covered, next, partly, inRange], held);
    expect(plan.applied).toEqual([next]);
    expect(plan.repeated).toEqual([covered, inRange]);
    expect(plan.overlapping).toEqual([partly]);
    expect(plan.moved).toEqual(
      new Map([[STREAM, { contiguous: 15n, ranges: [{ first: 21n, last: 30n }] }]]),
    );
  });

  it('judges each block against those before it in the same delivery', () => {
    const plan = planBlocks([block(1, 5), block(1, 5), block(5, 2)], new Map());
    expect(plan.applied.length).toBe(1);
    expect(plan.repeated.length).toBe(1);
    expect(plan.overlapping.length).toBe(1);
  });

  it('keeps streams apart', () => {
    const other = block(1, 5, 'gw_1/01b/telemetry');
    expect(planBlocks([block(1, 5), other], new Map()).applied).toEqual([block(1, 5), other]);
  });

  it('applies every sequence exactly once, however blocks are delivered and redelivered', () => {
    // Blocks as a gateway cuts them, each delivered at least once, in any order and in any batches.
    const deliveries = fc
      .array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 })
      .map((counts) => {
        let first = 1;
        return counts.map((count) => {
          const cut = block(first, count);
          first += count;
          return cut;
        });
      })
      .chain((blocks) =>
        fc.record({
          blocks: fc.constant(blocks),
          order: fc.shuffledSubarray([...blocks, ...blocks], { minLength: blocks.length * 2 }),
          batch: fc.integer({ min: 1, max: 5 }),
        }),
      );
    fc.assert(
      fc.property(deliveries, ({ blocks, order, batch }) => {
        let held = new Map<string, PositionSet>();
        const applied: PlacedBlock[] = [];
        for (let from = 0; from < order.length; from += batch) {
          const plan = planBlocks(order.slice(from, from + batch), held);
          expect(plan.overlapping).toEqual([]);
          applied.push(...plan.applied);
          held = new Map([...held, ...plan.moved]);
        }
        expect(new Set(applied)).toEqual(new Set(blocks));
        expect(applied.length).toBe(blocks.length);
        expect(held.get(STREAM)).toEqual({ contiguous: blocks.at(-1)!.range.last, ranges: [] });
      }),
    );
  });
});
