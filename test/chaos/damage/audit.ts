import type { StreamRow } from '@holdfast/edge/buffer/buffer-store.ts';
import type { Known } from './content.ts';
import type { DeliveredMessage } from './delivered.ts';
import type { Touched } from './faults.ts';
import { isTouched, type StandingRow } from './readable.ts';

export interface CycleEvidence {
  /** Acknowledged to a device, and not ended before the fault. */
  readonly known: readonly Known[];
  /** Acknowledged by a cloud or set aside before the fault. */
  readonly ended: readonly Known[];
  readonly delivered: readonly DeliveredMessage[];
  /** The gateway's positions at the end. */
  readonly streams: readonly StreamRow[];
  /** The lanes' numbers before the fault. */
  readonly streamsBefore: readonly StreamRow[];
  readonly standing: readonly StandingRow[];
  readonly touched: readonly Touched[];
}

export interface CycleVerdict {
  readonly acked: number;
  readonly delivered: number;
  readonly condensed: number;
  readonly dropped: number;
  readonly damaged: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly findings: readonly string[];
}

/**
 * Lost: acknowledged, and neither delivered nor in a durable record of the gateway; delivered as
 * something else than was sent; or standing on untouched bytes and not delivered. Duplicated: takes
 * effect twice.
 */
export function auditCycle(evidence: CycleEvidence): CycleVerdict {
  const findings: string[] = [];
  const counts = { lost: 0, duplicated: 0, damaged: 0, condensed: 0, dropped: 0, delivered: 0 };
  const lose = (text: string): void => {
    counts.lost += 1;
    findings.push(text);
  };
  const byId = new Map<string, DeliveredMessage[]>();
  const sentBefore = [...evidence.known, ...evidence.ended];
  const known = new Map(sentBefore.map((message) => [message.id, message]));
  for (const message of evidence.delivered) {
    const id = idOf(message.payload);
    const sent = id === undefined ? undefined : known.get(id);
    if (sent?.payload !== message.payload) lose(`${describe(message)} was never sent like this`);
    else byId.set(sent.id, [...(byId.get(sent.id) ?? []), message]);
  }
  const standing = untouchedOf(evidence);
  for (const message of evidence.known) {
    const copies = byId.get(message.id)?.length ?? 0;
    if (copies > 0) counts.delivered += 1;
    if (copies > 1) {
      counts.duplicated += copies - 1;
      findings.push(`${describe(message)} took effect ${copies} times`);
    }
    if (copies > 0) continue;
    const kind = recordOf(message, evidence.streams);
    if (kind === undefined) lose(`${describe(message)} is nowhere`);
    else if (standing(message)) lose(`${describe(message)} was readable, and is ${kind}`);
    else if (kind === 'condensed' || kind === 'dropped') counts[kind] += 1;
    else counts.damaged += 1;
  }
  return { acked: evidence.known.length, ...counts, findings };
}

function describe({ lane, sequence, incarnation }: Omit<DeliveredMessage, 'payload'>): string {
  return `${lane} ${sequence} of ${incarnation}`;
}

function idOf(payload: string): string | undefined {
  return /^\{"id":"(\w+)"/.exec(payload)?.[1];
}

/** The durable record that names the message. */
function recordOf({ incarnation, lane, sequence }: Known, streams: readonly StreamRow[]) {
  const names = new Set(streams.map((stream) => stream.incarnation));
  const speaks = streams.filter(
    // Where no name was left, the lane goes on under one that was drawn.
    (stream) =>
      stream.lane === lane && (stream.incarnation === incarnation || !names.has(incarnation)),
  );
  const record = speaks
    .flatMap((stream) => stream.settled)
    .find(({ range }) => range.first <= sequence && range.last >= sequence);
  return record?.kind;
}

/** Whether all that the message stood on is as it was. */
function untouchedOf(evidence: CycleEvidence): (message: Known) => boolean {
  const rows = evidence.standing.filter((row) => !isTouched(row, evidence.touched));
  const streamOf = new Map(
    evidence.streamsBefore.map(({ id, incarnation, lane }) => [`${incarnation}/${lane}`, id]),
  );
  return ({ incarnation, lane, sequence }) => {
    const stream = streamOf.get(`${incarnation}/${lane}`);
    return rows.some(
      (row) => row.stream === stream && row.range.first <= sequence && row.range.last >= sequence,
    );
  };
}
