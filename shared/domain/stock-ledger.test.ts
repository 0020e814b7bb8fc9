import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addMovement, EMPTY_LEDGER, placeName, type StockLedger } from './stock-ledger.ts';
import { legsOf, type StockMovement } from './stock-movement.ts';

const SITES = ['site-1', 'site-2'];
const ITEMS = ['milk', 'ice'];
const SOURCES = ['region/a', 'gw_1/01'];

const units = fc.bigInt(1n, 50n);
const shape = fc.oneof(
  fc.record({ kind: fc.constantFrom('receive', 'sale', 'pick', 'return'), quantity: units }),
  fc.record({ kind: fc.constant('adjust'), quantity: fc.bigInt(-20n, 20n) }),
  fc.record({ kind: fc.constant('transfer'), quantity: units }),
  fc.record({
    kind: fc.constant('count'),
    quantity: fc.bigInt(0n, 90n),
    seen: fc.record({
      onHand: fc.bigInt(-10n, 90n),
      positions: fc.dictionary(fc.constantFrom(...SOURCES), fc.bigInt(0n, 12n)),
    }),
  }),
);
const movements = fc
  .array(
    fc.record({
      shape,
      site: fc.constantFrom(...SITES),
      item: fc.constantFrom(...ITEMS),
      occurredAt: fc.bigInt(0n, 20n),
      source: fc.constantFrom(...SOURCES),
    }),
    { maxLength: 14 },
  )
  .map((drawn) =>
    drawn.map(({ shape: what, site, item, occurredAt, source }, index): StockMovement => {
      const other = SITES.find((one) => one !== site)!;
      return {
        id: `mov_${index}`,
        ...(what as Pick<StockMovement, 'kind' | 'quantity' | 'seen'>),
        site,
        item,
        occurredAt,
        origin: { source, sequence: BigInt(index + 1) },
        ...(what.kind === 'transfer' ? { toSite: other } : {}),
      };
    }),
  );

type Add = (ledger: StockLedger, movement: StockMovement) => StockLedger;

function stateAfter(all: readonly StockMovement[], add: Add = addMovement): object {
  const ledger = all.reduce(add, EMPTY_LEDGER);
  const places = [...ledger.places].map(([name, place]) => {
    const discrepancies = [...place.discrepancies].sort(([a], [b]) => (a < b ? -1 : 1));
    return { name, onHand: place.onHand, discrepancies };
  });
  return { places: places.sort((a, b) => (a.name < b.name ? -1 : 1)), size: ledger.movements.size };
}

/** Movements, and the same ones shuffled with some of them twice. */
const deliveries = movements.chain((all) =>
  fc.record({
    all: fc.constant(all),
    again: fc
      .subarray([...all])
      .chain((twice) =>
        fc.shuffledSubarray([...all, ...twice], { minLength: all.length + twice.length }),
      ),
  }),
);

function mergesInAnyOrder(add: Add): void {
  fc.assert(
    fc.property(deliveries, ({ all, again }) => {
      expect(stateAfter(again, add)).toEqual(stateAfter(all, add));
    }),
    { numRuns: 500 },
  );
}

describe('the stock ledger', () => {
  it('is the same whatever the order and however often movements come', () => {
    mergesInAnyOrder(addMovement);
  });

  it('would not be, if a count set the level: the property bites', () => {
    const setting: Add = (ledger, movement) => {
      const added = addMovement(ledger, movement);
      if (movement.kind !== 'count' || added === ledger) return added;
      const name = placeName(movement.site, movement.item);
      const place = added.places.get(name)!;
      const places = new Map(added.places).set(name, { ...place, onHand: movement.quantity });
      return { ...added, places };
    };
    expect(() => mergesInAnyOrder(setting)).toThrow(/Property failed/);
  });

  it('moves goods from place to place and makes none', () => {
    const all = (
      [
        ['receive', 30n],
        ['pick', 4n],
        ['sale', 1n],
        ['return', 2n],
        ['adjust', -3n],
        ['transfer', 10n],
      ] as const
    ).map(([kind, quantity], index) => move(`mov_${index}`, { kind, quantity }));
    const ledger = all.reduce(addMovement, EMPTY_LEDGER);
    expect(ledger.places.get(placeName('site-1', 'milk'))?.onHand).toBe(14n);
    expect(ledger.places.get(placeName('site-2', 'milk'))?.onHand).toBe(10n);
    expect(legsOf(all.at(-1)!).reduce((sum, { delta }) => sum + delta, 0n)).toBe(0n);
  });

  it('takes a count relative to what the counter saw', () => {
    const ledger = [
      move('mov_1', { kind: 'receive', quantity: 30n, sequence: 1n, at: 1n }),
      move('mov_3', { kind: 'receive', quantity: 5n, sequence: 2n, at: 9n }),
      count({ quantity: 28n, seen: { onHand: 30n, upTo: 1n }, at: 5n }),
    ].reduce(addMovement, EMPTY_LEDGER);
    const place = ledger.places.get(placeName('site-1', 'milk'));
    expect(place).toMatchObject({ onHand: 33n, discrepancies: new Map() });
  });

  it('opens a discrepancy for what is older than a count and was not seen', () => {
    const late = move('mov_late', { kind: 'receive', quantity: 5n, sequence: 2n, at: 3n });
    const counted = count({ quantity: 28n, seen: { onHand: 30n, upTo: 1n }, at: 5n });
    for (const order of [
      [late, counted],
      [counted, late],
    ]) {
      const ledger = order.reduce(addMovement, EMPTY_LEDGER);
      const place = ledger.places.get(placeName('site-1', 'milk'));
      expect(place?.discrepancies).toEqual(new Map([['mov_late', -5n]]));
      expect(place?.onHand).toBe(3n);
    }
  });
});

interface Told {
  readonly kind: StockMovement['kind'];
  readonly quantity: bigint;
  readonly sequence?: bigint;
  readonly at?: bigint;
}

function move(id: string, { kind, quantity, sequence = 1n, at = 1n }: Told): StockMovement {
  const origin = { source: 'region/a', sequence };
  const toSite = kind === 'transfer' ? { toSite: 'site-2' } : {};
  return { id, site: 'site-1', item: 'milk', kind, quantity, occurredAt: at, origin, ...toSite };
}

function count(told: {
  readonly quantity: bigint;
  readonly seen: { readonly onHand: bigint; readonly upTo: bigint };
  readonly at: bigint;
}): StockMovement {
  const { quantity, seen, at } = told;
  return {
    ...move('mov_count', { kind: 'count', quantity, sequence: 9n, at }),
    seen: { onHand: seen.onHand, positions: { 'region/a': seen.upTo } },
  };
}
