import { type Random, seededRandom } from '@holdfast/shared/runtime/random.ts';

/** The hand scanner at the dock of the cold store. */
export const SCANNER = 'scanner-01';

/** What the warehouse keeps; the development catalogue sells the same. */
export const WAREHOUSE_ITEMS = [
  'FRZ-PEAS-1KG',
  'FRZ-SALMON-500G',
  'FRZ-BERRIES-750G',
  'FRZ-SPINACH-600G',
  'FRZ-PIZZA-350G',
  'ICE-VANILLA-1L',
  'DAI-BUTTER-250G',
  'DAI-CHEDDAR-400G',
  'DAI-MILK-1L',
  'PKG-COOLBOX-12L',
  'PKG-ICEPACK-6',
] as const;

/** A movement as the scanner tells it, at a time since the start of the scenario. */
export interface Scan {
  readonly kind: 'scan';
  readonly atMs: number;
  readonly device: string;
  readonly movement: {
    readonly kind: 'receive' | 'pick';
    readonly item: string;
    readonly quantity: number;
  };
  /** Counts the scans of a run from 1. */
  readonly seq: number;
}

/** Between two scans of the opening delivery, and of the day's work. */
const UNLOADING_MS = 250;
const PAUSE_MS_MIN = 8_000;
const PAUSE_MS_SPREAD = 14_000;
const STREAM = 6_000;
const SEED_STRIDE = 10_007;
/** Pallets come in cases of so many. */
const CASE = 12;
/** One scan of so many receives; what is received is more than what is picked. */
const RECEIVES_OF = 4;
const PICKED_MAX = 6;

/**
 * A delivery of every item, then a day's work without an end: orders of other channels are picked,
 * and lorries bring more. Pure: the same seed gives the same scans.
 */
export function* warehouse({ seed }: { readonly seed: number }): Generator<Scan> {
  const random = seededRandom(seed * SEED_STRIDE + STREAM);
  let seq = 0;
  let atMs = 0;
  const scan = (kind: Scan['movement']['kind'], item: string, quantity: number): Scan => ({
    ...{ kind: 'scan', device: SCANNER, atMs, seq: ++seq },
    movement: { kind, item, quantity },
  });
  for (const item of WAREHOUSE_ITEMS) {
    yield scan('receive', item, CASE * (20 + random.int(30)));
    atMs += UNLOADING_MS;
  }
  for (;;) {
    atMs += PAUSE_MS_MIN + random.int(PAUSE_MS_SPREAD);
    yield draw(random, scan);
  }
}

function draw(
  random: Random,
  scan: (kind: Scan['movement']['kind'], item: string, quantity: number) => Scan,
): Scan {
  const item = WAREHOUSE_ITEMS[random.int(WAREHOUSE_ITEMS.length)]!;
  if (random.int(RECEIVES_OF) === 0) return scan('receive', item, CASE * (1 + random.int(4)));
  return scan('pick', item, 1 + random.int(PICKED_MAX));
}
