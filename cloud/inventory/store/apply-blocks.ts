import {
  type OpenedBlock,
  type OpenedContent,
  overlapOf,
  type ParkedBlock,
} from '@holdfast/shared/domain/block-event.ts';
import { planBlocks } from '@holdfast/shared/domain/block-plan.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Transaction } from 'kysely';
import type { Command, Outcome } from '../domain/command.ts';
import type { PoisonMessage, StockFact } from '../domain/stock-facts.ts';
import { type ParkedEntry, park } from './parked.ts';
import { movePosition, readPositions } from './streams.ts';
import type { InventoryTables } from './tables.ts';

type Tx = Transaction<InventoryTables>;
type Block = OpenedContent<readonly StockFact[]>;

/** How the ledger is changed together with other rows. */
export interface LedgerWriter {
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  book(tx: Tx, commands: readonly Command[]): Promise<readonly Outcome[]>;
  now(): bigint;
}

export interface Applied {
  readonly booked: number;
  readonly repeated: number;
  /** The reason of each that was parked. */
  readonly parked: readonly string[];
}

/**
 * Lets blocks take effect once: which are new is judged by the positions inside the transaction
 * that books their movements and moves the positions.
 */
export function applyStockBlocks(
  ledger: LedgerWriter,
  opened: readonly OpenedBlock<readonly StockFact[]>[],
): Promise<Applied> {
  const blocks = opened.flatMap((one) => (one.kind === 'block' ? [one.block] : []));
  const unread = opened.flatMap((one) => (one.kind === 'parked' ? [one.parked] : []));
  const known = opened.reduce((sum, one) => sum + (one.kind === 'repeat' ? one.recordCount : 0), 0);
  if (blocks.length + unread.length === 0) {
    return Promise.resolve({ booked: 0, repeated: known, parked: [] });
  }
  return ledger.transaction(async (tx) => {
    const held = await readPositions(
      tx,
      blocks.map(({ key }) => key),
    );
    const plan = planBlocks(blocks, held);
    const movements = await bookFacts(tx, ledger, plan.applied);
    const entries = [
      ...[...unread, ...plan.overlapping.map(overlapOf)].map(blockEntry),
      ...movements.parked,
    ];
    await park(tx, entries, ledger.now());
    const last = new Map(plan.applied.map((block) => [block.stream, block]));
    for (const [stream, { key, site, eventAt }] of last) {
      const position = plan.moved.get(stream);
      assert(position, 'a stream with an applied block has moved');
      await movePosition(tx, { key, site, eventAt, position });
    }
    const again = plan.repeated.reduce((sum, { recordCount }) => sum + recordCount, known);
    return {
      booked: movements.booked,
      repeated: movements.repeated + again,
      parked: entries.map(({ reason }) => reason),
    };
  });
}

interface BookedFacts {
  readonly booked: number;
  readonly repeated: number;
  readonly parked: readonly ParkedEntry[];
}

/** Each fact in its order; what cannot be read, or says another thing of a known id, is parked. */
async function bookFacts(
  tx: Tx,
  ledger: LedgerWriter,
  blocks: readonly Block[],
): Promise<BookedFacts> {
  const facts = blocks.flatMap((block) => block.content.map((fact) => ({ block, fact })));
  const commands = facts.flatMap(({ block, fact }) => commandOf(block, fact) ?? []);
  const outcomes = new Map<Command, Outcome>();
  for (const [index, outcome] of (await ledger.book(tx, commands)).entries()) {
    outcomes.set(commands[index]!, outcome);
  }
  const parked: ParkedEntry[] = facts.flatMap(({ block, fact }) =>
    fact.kind === 'poison' ? [poisonEntry(block, fact)] : [],
  );
  const conflicts: Command[] = [];
  let booked = 0;
  let repeated = 0;
  for (const [command, outcome] of outcomes) {
    if (command.kind !== 'move') continue;
    if (outcome.kind === 'other-content') {
      const { tenant, movement } = command;
      const { site, item, id: movementId } = movement;
      const reason = `the movement ${movementId} was booked with another content`;
      conflicts.push({ kind: 'freeze', tenant, site, item, movementId, reason });
      parked.push(conflictEntry(command, reason));
    } else if (outcome.kind === 'booked' && outcome.repeated) repeated += 1;
    else booked += 1;
  }
  if (conflicts.length > 0) await ledger.book(tx, conflicts);
  return { booked, repeated, parked };
}

function commandOf({ key, site }: Block, fact: StockFact): Command | undefined {
  const { tenant } = key;
  if (fact.kind === 'movement') return { kind: 'move', tenant, movement: fact.movement };
  const { item, movementId, detail: reason } = fact;
  if (item === undefined) return undefined;
  return { kind: 'freeze', tenant, site, item, movementId, reason };
}

function blockEntry({ key, origin, ...block }: ParkedBlock): ParkedEntry {
  return {
    ...{ tenant: key?.tenant, site: undefined, item: undefined },
    ...{ gatewayId: key?.gatewayId, incarnation: key?.incarnation },
    reason: block.reason,
    detail: block.detail,
    firstSequence: block.firstSequence,
    recordCount: block.recordCount,
    body: origin.body,
    origin: `${origin.topic}/${origin.partition}/${origin.offset}`,
  };
}

function poisonEntry({ key, site }: Block, fact: PoisonMessage): ParkedEntry {
  const { tenant, gatewayId, incarnation } = key;
  return {
    ...{ tenant, gatewayId, incarnation, site, item: fact.item },
    reason: 'message',
    detail: fact.detail,
    firstSequence: fact.sequence,
    recordCount: 1,
    body: fact.payload,
    origin: fact.movementId,
  };
}

function conflictEntry(command: Command & { kind: 'move' }, detail: string): ParkedEntry {
  const { tenant, movement } = command;
  const { id, site, item, kind, quantity } = movement;
  const content = {
    ...movement,
    quantity: String(quantity),
    occurredAt: undefined,
    seen: undefined,
  };
  return {
    ...{ tenant, site, item, detail, reason: 'conflict' },
    ...{ gatewayId: undefined, incarnation: undefined, firstSequence: undefined },
    recordCount: 1,
    body: Buffer.from(JSON.stringify(content)),
    origin: `${id}/${kind}/${quantity}`,
  };
}
