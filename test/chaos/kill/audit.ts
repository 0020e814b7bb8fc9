import { type CloudApi, readHeld } from './held-items.ts';
import type { Sent } from './load.ts';

const FINDINGS_MAX = 10;

/** One reading as the cloud's API gives it. */
export interface Delivered {
  readonly sequence: number;
  readonly incarnation: string;
  readonly lane: string;
  readonly value?: number;
  /** The whole payload, in the lanes that telemetry does not measure. */
  readonly text?: string;
}

/** What both ends say about one lane. */
export interface LaneTotals {
  readonly lane: string;
  readonly accepted: number;
  readonly condensed: number;
  readonly dropped: number;
}

export interface Verdict {
  readonly acked: number;
  readonly stored: number;
  readonly delivered: number;
  readonly condensed: number;
  readonly dropped: number;
  readonly lost: number;
  readonly duplicated: number;
  /** What was found wrong, in words; at most FINDINGS_MAX. */
  readonly findings: readonly string[];
}

export interface Evidence {
  readonly sent: readonly Sent[];
  /** Everything that the cloud holds, by device. */
  readonly delivered: ReadonlyMap<string, readonly Delivered[]>;
  readonly lanes: readonly LaneTotals[];
}

/**
 * Compares what was acknowledged with what the cloud holds. Lost: an acknowledged message that is
 * nowhere, and a sequence of the gateway that is nowhere. Duplicated: a sequence that is there
 * twice, and a message with a device's key that is there twice. A message without a key that the
 * client sent again has two sequences: MQTT gives no more than at least once there.
 */
export function audit({ sent, delivered, lanes }: Evidence): Verdict {
  const findings: string[] = [];
  const find = (text: string): void => {
    if (findings.length < FINDINGS_MAX) findings.push(text);
  };
  let lost = 0;
  let duplicated = 0;
  const bySequence = new Map<string, Set<number>>();
  for (const [device, readings] of delivered) {
    for (const { incarnation, lane, sequence } of readings) {
      const key = `${incarnation}/${lane}`;
      const seen = bySequence.get(key) ?? new Set<number>();
      bySequence.set(key, seen);
      if (seen.has(sequence)) {
        duplicated++;
        find(`${device}: ${key} sequence ${sequence} is stored twice`);
      }
      seen.add(sequence);
    }
  }
  for (const message of sent) {
    const copies = copiesOf(message, delivered);
    if (message.acknowledged && copies === 0) {
      lost++;
      find(
        `${message.device}: message ${message.id} (QoS ${message.qos}) was acknowledged and lost`,
      );
    }
    if (message.keyed && copies > 1) {
      duplicated += copies - 1;
      find(`${message.device}: keyed message ${message.id} is stored ${copies} times`);
    }
  }
  const held = (lane: string): number =>
    [...bySequence].reduce(
      (sum, [key, seen]) => (key.endsWith(`/${lane}`) ? sum + seen.size : sum),
      0,
    );
  for (const { lane, accepted, condensed, dropped } of lanes) {
    const missing = accepted - condensed - dropped - held(lane);
    if (missing > 0) {
      lost += missing;
      find(`lane ${lane}: the gateway accepted ${accepted}, the cloud holds ${held(lane)}`);
    }
    if (missing < 0) {
      duplicated -= missing;
      find(`lane ${lane}: the cloud holds ${-missing} more than the gateway accepted`);
    }
  }
  const total = (of: (lane: LaneTotals) => number): number =>
    lanes.reduce((sum, lane) => sum + of(lane), 0);
  return {
    acked: sent.filter((message) => message.acknowledged).length,
    stored: total((lane) => lane.accepted),
    delivered: [...bySequence.values()].reduce((sum, seen) => sum + seen.size, 0),
    condensed: total((lane) => lane.condensed),
    dropped: total((lane) => lane.dropped),
    lost,
    duplicated,
    findings,
  };
}

const copyCounts = new WeakMap<readonly Delivered[], Map<number, number>>();

function copiesOf(message: Sent, delivered: Evidence['delivered']): number {
  const readings = delivered.get(message.device) ?? [];
  let counts = copyCounts.get(readings);
  if (!counts) {
    counts = new Map();
    for (const reading of readings) {
      const id = idOf(reading);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    copyCounts.set(readings, counts);
  }
  return counts.get(message.id) ?? 0;
}

function idOf({ value, text }: Delivered): number {
  return value ?? (JSON.parse(text!) as { value: number }).value;
}

/** Everything that the cloud holds of these devices. */
export function readDelivered(
  cloud: CloudApi,
  devices: Iterable<string>,
): Promise<Map<string, Delivered[]>> {
  return readHeld(cloud, devices);
}
