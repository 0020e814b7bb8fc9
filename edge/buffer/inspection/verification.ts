import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { coverage, highest, type SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { StreamRow } from '../buffer-store.ts';
import { laneStream, ledgerOf } from '../lane-stream.ts';
import type { BufferReader, SalvageRecord } from './buffer-reader.ts';
import { openRow } from './opened-row.ts';
import { endedOf, type Step, walk } from './walk.ts';

export interface Finding {
  readonly kind: keyof typeof REMEDIES;
  /** What the finding is about; absent when it is the file itself. */
  readonly place?: Place | undefined;
  readonly what: string;
  /** What a person can do about it. */
  readonly remedy: string;
}

export interface Place {
  readonly incarnation: string;
  readonly lane: Lane;
  readonly range: SequenceRange;
}

export interface Verification {
  readonly groups: number;
  readonly blocks: number;
  readonly messages: number;
  readonly findings: readonly Finding[];
  /** Found beyond FINDINGS_MAX, and only counted. */
  readonly findingsLeftOff: number;
  /** The ledger of each lane over all incarnations (I3), as it was when the check began. */
  readonly ledger: readonly LaneLedger[];
  readonly salvage?: SalvageRecord | undefined;
}

export const FINDINGS_MAX = 1_000;
const STRUCTURE_PROBLEMS_MAX = 100;
/** A sequence has 48 bits in the file. */
const SEQUENCE_MAX = 2n ** 48n - 1n;

const SALVAGE =
  'Keep a copy of the file, run export for what is readable, then let the gateway start on a ' +
  'fresh one: move the file away.';

export const REMEDIES = {
  structure: SALVAGE,
  unreadable: SALVAGE,
  damaged:
    'The gateway sets it aside as damaged when it comes to it; nothing of it travels. ' +
    'Devices that keep their own record can send the range again.',
  lost:
    'Accepted, but neither held nor ended: this must not happen. Keep a copy of the file and ' +
    'report it; devices that keep their own record can send the range again.',
  'held-twice': 'Keep a copy of the file and report it; the cloud stores each sequence once.',
  'held-after-its-end': 'Nothing is lost, only space. Keep a copy of the file and report it.',
  'beyond-accepted':
    'The file is older in one part than in another, as after a partial restore. Keep a copy, and ' +
    'do not start the gateway on it.',
  ledger: 'The counts do not add up. Keep a copy of the file and report it.',
} as const;

/** Called often, with the messages that were checked. */
export type Progress = (messages: number) => void;

/** Checks everything that the buffer holds, in bounded memory. */
export function verifyBuffer(reader: BufferReader, onProgress: Progress): Verification {
  const check = new Check();
  let streams: readonly StreamRow[] = [];
  try {
    for (const problem of reader.structureProblems(STRUCTURE_PROBLEMS_MAX))
      check.report({ kind: 'structure', what: problem });
    streams = reader.streams();
    for (const stream of streams) checkStream(check, { reader, stream, onProgress });
  } catch (cause) {
    if (!(cause instanceof AppError && cause.code === 'STORE_DAMAGED')) throw cause;
    check.report({ kind: 'structure', what: cause.message });
  }
  const ledger = ledgerOf(streams.map(laneStream), reader.incarnation, new Map());
  return { ...check.result(ledger), salvage: reader.salvage };
}

/** What is to say of a file that cannot even be opened. */
export function unopened(cause: AppError): Verification {
  const check = new Check();
  check.report({ kind: 'structure', what: cause.message });
  return check.result([]);
}

function checkStream(
  check: Check,
  where: { reader: BufferReader; stream: StreamRow; onProgress: Progress },
): void {
  const { reader, stream, onProgress } = where;
  checkPosition(check, stream);
  for (const step of walk(reader, stream, { first: 1n, last: stream.accepted })) {
    checkStep(check, stream, step);
    onProgress(check.messages);
  }
  checkBeyond(check, reader, stream);
}

/** Rows above the lane's head: the present one, for the gateway may have gone on. */
function checkBeyond(check: Check, reader: BufferReader, stream: StreamRow): void {
  const beyond = { first: stream.accepted + 1n, last: SEQUENCE_MAX };
  const { rows, stream: now } = reader.held(stream.id, beyond);
  const { incarnation, lane, accepted } = now;
  for (const { kind, range } of rows.filter((row) => row.range.first > accepted)) {
    const what = `${accepted} were accepted, and there is a ${kind} above`;
    check.report({ kind: 'beyond-accepted', place: { incarnation, lane, range }, what });
  }
}

class Check {
  readonly #findings: Finding[] = [];
  #leftOff = 0;
  groups = 0;
  blocks = 0;
  messages = 0;

  report(found: Omit<Finding, 'remedy'>): void {
    if (this.#findings.length === FINDINGS_MAX) this.#leftOff += 1;
    else this.#findings.push({ ...found, remedy: REMEDIES[found.kind] });
  }

  result(ledger: readonly LaneLedger[]): Verification {
    const { groups, blocks, messages } = this;
    const findings = this.#findings;
    return { groups, blocks, messages, findings, findingsLeftOff: this.#leftOff, ledger };
  }
}

/** accepted = delivered + parked + condensed + dropped + damaged + pending, from the ranges. */
function checkPosition(check: Check, stream: StreamRow): void {
  const { incarnation, lane, accepted } = stream;
  const place = { incarnation, lane, range: { first: 1n, last: accepted } };
  const ended = highest(endedOf(stream));
  if (ended > accepted) {
    const what = `${accepted} were accepted, and an acknowledgement or settlement names ${ended}`;
    check.report({ kind: 'beyond-accepted', place, what });
  }
  const sum = ledgerOf([laneStream(stream)], incarnation, new Map())
    .filter((one) => one.lane === lane)
    .reduce((total, one) => total + endings(one) + one.pending, 0);
  if (sum === Number(accepted)) return;
  const what = `${accepted} were accepted, and what became of them sums up to ${sum}`;
  check.report({ kind: 'ledger', place, what });
}

function endings(one: LaneLedger): number {
  return one.delivered + one.parked + one.condensed + one.dropped + one.damaged;
}

function checkStep(check: Check, stream: StreamRow, step: Step): void {
  if (step.kind === 'row') {
    checkRow(check, step);
    return;
  }
  const { incarnation, lane } = stream;
  const place = { incarnation, lane, range: step.range };
  if (step.kind === 'lost')
    check.report({ kind: 'lost', place, what: 'accepted, but neither held nor ended' });
  else if (step.kind === 'twice')
    check.report({ kind: 'held-twice', place, what: 'held by two groups or blocks' });
  else check.report({ kind: 'unreadable', place, what: step.reason });
}

function checkRow(check: Check, { row, stream }: Step & { kind: 'row' }): void {
  const { incarnation, lane } = stream;
  const place = { incarnation, lane, range: row.range };
  if (row.kind === 'group') check.groups += 1;
  else check.blocks += 1;
  const opened = openRow(stream, row);
  if (opened.kind === 'damaged')
    check.report({ kind: 'damaged', place, what: `a ${row.kind}: ${opened.reason}` });
  else check.messages += Number(row.range.last - row.range.first + 1n);
  if (row.range.last > stream.accepted)
    check.report({ kind: 'beyond-accepted', place, what: `${stream.accepted} were accepted` });
  else if (row.range.last >= row.range.first && isEnded(stream, row.range))
    check.report({ kind: 'held-after-its-end', place, what: `a ${row.kind} that was not freed` });
}

function isEnded(stream: StreamRow, range: SequenceRange): boolean {
  return coverage(endedOf(stream), range) !== 'disjoint';
}
