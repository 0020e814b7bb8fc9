import type { Verdict } from '../kill/audit.ts';
import { type CloudApi, readHeld } from '../kill/held-items.ts';
import type { Sent } from '../kill/load.ts';

const FINDINGS_MAX = 10;

/** An item of a raw answer: a reading, or what a minute was condensed to. */
export interface Item {
  readonly sequence: number;
  readonly incarnation: string;
  readonly lane: string;
  readonly form?: 'condensed';
  readonly count?: number;
  readonly value?: number;
  readonly text?: string;
}

export interface LaneView {
  readonly lane: string;
  readonly ledger: {
    readonly accepted: number;
    readonly delivered: number;
    readonly condensed: number;
    readonly dropped: number;
    readonly parked: number;
    readonly damaged: number;
    readonly pending: number;
  };
  readonly cloud: { readonly held: number; readonly condensed: number };
}

export interface Evidence {
  readonly sent: readonly Sent[];
  readonly items: ReadonlyMap<string, readonly Item[]>;
  readonly lanes: readonly LaneView[];
}

/**
 * Compares both ends where messages may end as minutes or as a record of the ledger. Each lane must
 * add up: accepted = readings + messages behind the minutes + dropped; only telemetry is condensed,
 * `stock` never dropped; and no more acknowledged messages are missing than the ledger names.
 */
export function audit({ sent, items, lanes }: Evidence): Verdict {
  const findings: string[] = [];
  let lost = 0;
  let duplicated = 0;
  const miss = (count: number, text: string): void => {
    if (count === 0) return;
    if (count > 0) lost += count;
    else duplicated -= count;
    if (findings.length < FINDINGS_MAX) findings.push(`${text}: ${count}`);
  };
  const tally = tallyOf(items);
  for (const [name, count] of tally.repeated) miss(-count, `${name} is stored more than once`);
  for (const { lane, ledger, cloud } of lanes) {
    const { accepted, condensed, dropped, parked, damaged, pending } = ledger;
    const raw = tally.raw.get(lane) ?? 0;
    const minutes = tally.minutes.get(lane) ?? 0;
    miss(accepted - raw - minutes - dropped, `${lane}: accepted, and neither held nor dropped`);
    miss(condensed - minutes, `${lane}: condensed by the ledger, not in the cloud's minutes`);
    miss(condensed - cloud.condensed, `${lane}: condensed by the ledger, not by the cloud`);
    miss(accepted - dropped - cloud.held, `${lane}: not in the cloud's positions`);
    miss(parked + damaged + pending, `${lane}: parked, damaged or pending at the end`);
    if (lane !== 'telemetry') miss(condensed, `${lane}: condensed`);
    if (lane === 'stock') miss(dropped, `${lane}: dropped`);
    const missing = missingIn(lane, sent, tally.copies);
    miss(Math.max(0, missing - condensed - dropped), `${lane}: acknowledged and lost`);
  }
  for (const message of sent) {
    const copies = tally.copies.get(keyOf(message)) ?? 0;
    if (message.keyed && copies > 1) miss(1 - copies, `${message.device}: ${message.id} repeated`);
  }
  const total = (of: (lane: LaneView['ledger']) => number): number =>
    lanes.reduce((sum, { ledger }) => sum + of(ledger), 0);
  return {
    acked: sent.filter((message) => message.acknowledged).length,
    stored: total((ledger) => ledger.accepted),
    delivered: [...tally.raw.values()].reduce((sum, count) => sum + count, 0),
    condensed: total((ledger) => ledger.condensed),
    dropped: total((ledger) => ledger.dropped),
    lost,
    duplicated,
    findings,
  };
}

interface Tally {
  /** Readings by lane. */
  readonly raw: Map<string, number>;
  /** Messages behind the minutes, by lane. */
  readonly minutes: Map<string, number>;
  /** How often each message is there, by device and id. */
  readonly copies: Map<string, number>;
  readonly repeated: Map<string, number>;
}

function tallyOf(items: Evidence['items']): Tally {
  const tally: Tally = {
    raw: new Map(),
    minutes: new Map(),
    copies: new Map(),
    repeated: new Map(),
  };
  const add = (to: Map<string, number>, name: string, count = 1): void =>
    void to.set(name, (to.get(name) ?? 0) + count);
  const seen = new Set<string>();
  for (const [device, all] of items) {
    for (const item of all) {
      const { lane, incarnation, sequence } = item;
      if (item.form === 'condensed') {
        add(tally.minutes, lane, item.count ?? 0);
        continue;
      }
      const place = `${lane} ${incarnation}/${sequence}`;
      if (seen.has(place)) add(tally.repeated, place);
      seen.add(place);
      add(tally.raw, lane);
      add(tally.copies, `${device}/${idOf(item)}`);
    }
  }
  return tally;
}

function missingIn(lane: string, sent: readonly Sent[], copies: Tally['copies']): number {
  const ofLane = sent.filter(({ topic }) => topic.includes(`/${lane}`));
  return ofLane.filter((message) => message.acknowledged && !copies.has(keyOf(message))).length;
}

function keyOf({ device, id }: Sent): string {
  return `${device}/${id}`;
}

function idOf({ value, text }: Item): number {
  return value ?? (JSON.parse(text!) as { value: number }).value;
}

/** Everything that the cloud holds of these devices. */
export function readItems(
  cloud: CloudApi,
  devices: Iterable<string>,
): Promise<Map<string, Item[]>> {
  // Beside the number that counts, in the same message.
  return readHeld(cloud, devices, (metric) => !metric.endsWith('.filling'));
}
