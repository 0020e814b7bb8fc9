import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import { EMPTY_POSITION, type PositionSet, union } from '@holdfast/shared/domain/ranges.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { message, payloads, sealedOf, world } from './buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from './buffer.ts';

type Operation =
  | { kind: 'append'; lane: Lane; keys: (number | undefined)[] }
  | { kind: 'seal' | 'acknowledge' | 'park'; lane: Lane; pick: number }
  | { kind: 'reopen' };

const lane = fc.constantFrom(...LANES);
const key = fc.option(fc.nat(30), { nil: undefined });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      lane,
      keys: fc.array(key, { maxLength: 6 }),
    }),
    weight: 4,
  },
  {
    arbitrary: fc.record({
      kind: fc.constantFrom('seal' as const, 'acknowledge' as const, 'park' as const),
      lane,
      pick: fc.nat(10),
    }),
    weight: 6,
  },
  { arbitrary: fc.constant({ kind: 'reopen' as const }), weight: 1 },
);

it('the ledger balances at any moment, and a restart does not change it', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
      const place = world();
      let buffer = place.open();
      const stored = new Map<Lane, number>(LANES.map((each) => [each, 0]));
      try {
        for (const step of operations) {
          if (step.kind === 'reopen') {
            const before = buffer.ledger(new Map());
            buffer = await place.reopen();
            expect(buffer.ledger(new Map())).toEqual(before);
          } else await run(buffer, step, stored);
          await checkBalance(buffer, stored);
        }
      } finally {
        await place.end();
      }
    }),
    { numRuns: 40 },
  );
});

async function run(
  buffer: GatewayBuffer,
  step: Exclude<Operation, { kind: 'reopen' }>,
  stored: Map<Lane, number>,
): Promise<void> {
  if (step.kind === 'append') {
    const appended = step.keys.map((sequence) =>
      buffer.append(
        message({
          lane: step.lane,
          ...(sequence === undefined ? {} : { key: { boot: 'b', sequence: BigInt(sequence) } }),
        }),
      ),
    );
    const kept = (await Promise.all(appended)).filter(({ kind }) => kind === 'stored').length;
    stored.set(step.lane, stored.get(step.lane)! + kept);
    return;
  }
  if (step.kind === 'seal') {
    await buffer.seal(step.lane);
    return;
  }
  const heads = sealedOf(buffer, step.lane);
  const head = heads[step.pick % Math.max(1, heads.length)];
  if (!head) return;
  if (step.kind === 'park') await buffer.park(head.incarnation, step.lane, head.range, 'conflict');
  else await buffer.acknowledge(head.incarnation, step.lane, covering(head.range));
}

function covering(range: { first: bigint; last: bigint }): PositionSet {
  return union(EMPTY_POSITION, { contiguous: 0n, ranges: [range] });
}

async function checkBalance(buffer: GatewayBuffer, stored: Map<Lane, number>): Promise<void> {
  for (const entry of buffer.ledger(new Map())) {
    const { accepted, delivered, parked, condensed, dropped, damaged, pending } = entry;
    expect(accepted).toBe(stored.get(entry.lane));
    expect(delivered + parked + condensed + dropped + damaged + pending).toBe(accepted);
    const sealed = await payloads(buffer, sealedOf(buffer, entry.lane));
    expect(sealed.length).toBeLessThanOrEqual(pending);
  }
}
