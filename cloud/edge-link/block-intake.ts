import type { GatewayName } from '@holdfast/shared/contracts/gateway-identity.ts';
import {
  type Block,
  RefusalReason,
  type SyncResponse,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneFromWire } from '@holdfast/shared/contracts/lanes.ts';
import { positionToWire } from '@holdfast/shared/domain/ranges.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Tracing } from '@holdfast/shared/runtime/tracing.ts';
import { EVENT_BYTES_MAX, type EventLog, type LogRecord } from '../platform/event-log/event-log.ts';
import { type BatchIdentity, batchHeaders, batchKey } from './domain/batch-event.ts';
import { checkBlock } from './domain/block-check.ts';
import { compareBlock, judgeBlock } from './domain/block-judgement.ts';
import type { ClaimedLane } from './domain/lane-claims.ts';
import { createHoldings, type GreetedLane, type HoldingsTable } from './domain/lane-holdings.ts';
import { type IsLive, liveLine } from './domain/live-line.ts';
import { BATCH_TOPIC } from './events/positions-consumer.ts';
import type { Meters } from './meters.ts';
import { knownBlocks } from './store/lane-positions.ts';
import { park } from './store/parked-blocks.ts';
import type { EdgeLinkTables } from './store/tables.ts';

export interface IntakeDeps {
  readonly sql: Sql<EdgeLinkTables>;
  readonly log: EventLog;
  readonly runtime: Runtime;
  readonly region: string;
  readonly meters: Meters;
}

/** A block as it came, with the sender's span. */
export interface ArrivedBlock {
  readonly block: Block;
  /** Undefined when they are too many. */
  readonly bytes: Uint8Array | undefined;
  readonly traceparent: string;
}

/** Takes one stream's blocks into the log and says what to answer. */
export interface BlockIntake {
  /**
   * Judges the blocks in their order and appends what is new as one batch. When this resolves, all
   * that its answers acknowledge is durable; when it rejects, nothing may be acknowledged and the
   * stream must end.
   */
  take(arrived: readonly ArrivedBlock[]): Promise<SyncResponse[]>;
}

/**
 * Headers, key and the block's own fields stay below this; what is left of an event is the body's.
 */
const EVENT_OVERHEAD_BYTES_MAX = 4096;
const BODY_BYTES_MAX = EVENT_BYTES_MAX - EVENT_OVERHEAD_BYTES_MAX;

const REASONS = {
  'partly-covered': RefusalReason.REFUSAL_REASON_PARTLY_COVERED,
  gap: RefusalReason.REFUSAL_REASON_GAP,
  conflict: RefusalReason.REFUSAL_REASON_CONFLICT,
  checksum: RefusalReason.REFUSAL_REASON_CHECKSUM,
  'too-large': RefusalReason.REFUSAL_REASON_TOO_LARGE,
  'too-many-ranges': RefusalReason.REFUSAL_REASON_TOO_MANY_RANGES,
} as const;

type Verdict =
  | { readonly kind: 'append'; readonly identity: BatchIdentity; readonly bytes: Uint8Array }
  | { readonly kind: 'repeat' }
  | { readonly kind: 'refuse'; readonly reason: keyof typeof REASONS };

type Judged = ArrivedBlock & { readonly verdict: Verdict };

interface Stream {
  readonly deps: IntakeDeps;
  readonly peer: GatewayName;
  readonly holdings: HoldingsTable;
  readonly isLive: IsLive;
}

/** What the cloud holds, and what the Hello said. */
export interface GreetedLanes {
  readonly held: readonly GreetedLane[];
  readonly claimed: readonly ClaimedLane[];
}

export function createBlockIntake(
  deps: IntakeDeps,
  peer: GatewayName,
  { held, claimed }: GreetedLanes,
): BlockIntake {
  const stream = { deps, peer, holdings: createHoldings(held), isLive: liveLine(claimed) };
  return {
    async take(arrived) {
      const judged: Judged[] = [];
      for (const one of arrived) judged.push({ ...one, verdict: await judge(stream, one) });
      await append(stream, judged);
      count(deps.meters, judged);
      return answers(stream.holdings, judged);
    },
  };
}

async function judge(stream: Stream, { block, bytes }: ArrivedBlock): Promise<Verdict> {
  const { gatewayId } = stream.peer;
  if (!bytes) return { kind: 'refuse', reason: 'too-large' };
  const checked = checkBlock(block, { gatewayId, bytesMax: BODY_BYTES_MAX });
  if (checked.kind !== 'intact') return { kind: 'refuse', reason: checked.kind };
  const { identity } = checked;
  const judgement = judgeBlock(identity.lane, identity.range, stream.holdings.of(identity));
  if (judgement === 'append') {
    // From here on the block counts as held: the next one of this batch is judged by it. A failed
    // append ends the stream.
    stream.holdings.append(identity, identity);
    return { kind: 'append', identity, bytes };
  }
  if (judgement !== 'compare') return { kind: 'refuse', reason: judgement };
  const stored = await stream.deps.sql.read((db) => knownBlocks(db, identity, identity.range));
  const remembered = stream.holdings.remembered(identity, identity.range);
  if (compareBlock(identity, [...stored, ...remembered]) === 'repeat') {
    stream.holdings.confirm(identity, identity.range);
    return { kind: 'repeat' };
  }
  await parkConflict(stream.deps, identity, bytes);
  return { kind: 'refuse', reason: 'conflict' };
}

/** Durable before the gateway hears of it: the gateway gives its own copy up then. */
async function parkConflict(
  { sql, runtime }: IntakeDeps,
  identity: BatchIdentity,
  bytes: Uint8Array,
): Promise<void> {
  const parkedAt = runtime.clock.nowMicros();
  await sql.transaction((tx) => park(tx, { ...identity, reason: 'conflict', bytes, parkedAt }));
  const { gatewayId, lane } = identity;
  runtime.log.warn({ gatewayId, lane, first: String(identity.range.first) }, 'block conflict');
}

async function append(stream: Stream, judged: readonly Judged[]): Promise<void> {
  const { log, runtime, meters } = stream.deps;
  const synced = Promise.withResolvers<void>();
  // The error goes to whoever awaits the append; the spans only record it.
  synced.promise.catch(() => {});
  const records = judged.flatMap(({ traceparent, verdict }) => {
    if (verdict.kind !== 'append') return [];
    const span = openSpans(runtime.tracing, traceparent, synced.promise);
    return recordOf(stream, { ...verdict, traceparent: span });
  });
  if (records.length === 0) return;
  const startedAt = runtime.clock.monotonicMs();
  runtime.steps.reach('edge-link.append.before');
  try {
    await log.append(BATCH_TOPIC, records);
  } catch (error) {
    synced.reject(error);
    throw error;
  }
  runtime.steps.reach('edge-link.append.done');
  synced.resolve();
  meters.appendSeconds.observe((runtime.clock.monotonicMs() - startedAt) / 1000);
}

/**
 * Opens a traced block's two spans, which end with the append. Returns the inner one's traceparent.
 */
function openSpans(tracing: Tracing, parent: string, synced: Promise<void>): string {
  if (parent === '') return '';
  let traceparent = '';
  const ended = tracing.span('edge-link.receive', { parent, kind: 'server' }, () =>
    tracing.span('event-log.append', { kind: 'producer' }, (span) => {
      traceparent = span.traceparent;
      return synced;
    }),
  );
  ended.catch(() => {}); // The same error as that of `synced`.
  return traceparent;
}

function recordOf(
  { deps, peer, isLive }: Stream,
  one: Extract<Verdict, { kind: 'append' }> & { readonly traceparent: string },
): LogRecord {
  const origin = {
    peer,
    region: deps.region,
    timeMs: deps.runtime.clock.now(),
    traceparent: one.traceparent,
    live: isLive(one.identity, one.identity.range),
  };
  return {
    key: batchKey(peer.gatewayId, one.identity.lane),
    headers: batchHeaders(one.identity, origin),
    // As they came: what a later version's gateway says in them is not lost here.
    value: one.bytes,
  };
}

/**
 * One refusal for each refused block and one Ack for each lane. Positions are those after the
 * append.
 */
function answers(holdings: HoldingsTable, judged: readonly Judged[]): SyncResponse[] {
  const accepted = judged.filter(({ verdict }) => verdict.kind !== 'refuse');
  const lanes = Map.groupBy(accepted, ({ block }) => `${block.incarnation}/${block.lane}`);
  const acks = [...lanes.values()].map((blocks) => ackOf(holdings, blocks));
  const refusals = judged.flatMap(({ block, verdict }) =>
    verdict.kind === 'refuse' ? refusalOf(holdings, block, verdict.reason) : [],
  );
  return [...refusals, ...acks];
}

function ackOf(holdings: HoldingsTable, blocks: readonly Judged[]): SyncResponse {
  const { incarnation, lane } = blocks[0]!.block;
  const bytes = blocks.reduce((sum, { block }) => sum + block.body.byteLength, 0);
  const value = {
    incarnation,
    lane,
    durable: toldOf(holdings, blocks[0]!.block),
    replicated: undefined,
    creditBytes: BigInt(bytes),
  };
  return { frame: { $case: 'ack', value } };
}

function refusalOf(
  holdings: HoldingsTable,
  block: Block,
  reason: keyof typeof REASONS,
): SyncResponse {
  const first = block.firstSequence;
  const value = {
    incarnation: block.incarnation,
    lane: block.lane,
    range: { first, last: first + BigInt(Math.max(block.count, 1)) - 1n },
    reason: REASONS[reason],
    durable: toldOf(holdings, block),
    creditBytes: BigInt(block.body.byteLength),
  };
  return { frame: { $case: 'blockRefused', value } };
}

function toldOf(holdings: HoldingsTable, block: Block) {
  const lane = laneFromWire(block.lane);
  if (!lane) return undefined;
  return positionToWire(holdings.told({ incarnation: block.incarnation, lane }));
}

function count(meters: Meters, judged: readonly Judged[]): void {
  for (const { block, verdict } of judged) {
    meters.blocks.add(1, { outcome: verdict.kind });
    if (verdict.kind === 'append') meters.bytes.add(block.body.byteLength);
    if (verdict.kind === 'refuse') meters.refused.add(1, { reason: verdict.reason });
  }
}
