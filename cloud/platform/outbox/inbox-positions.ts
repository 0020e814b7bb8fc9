import type { Topic } from '@holdfast/shared/contracts/topics.ts';
import type { Migration } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { ColumnDefinitionBuilder, Transaction } from 'kysely';

/** Of the service that consumes. */
export interface InboxTables {
  inbox: {
    consumer: string;
    topic: string;
    subject: string;
    /** The last that took effect. */
    sequence: bigint;
    /** The highest that was parked; above `sequence` while the subject waits to be replayed. */
    parked_to: bigint;
  };
}

export interface Arrival {
  readonly consumer: string;
  readonly topic: Topic;
  readonly subject: string;
  readonly sequence: bigint;
}

export type Judgement =
  /** The next of its subject; it is now the last, if the transaction commits. */
  | { readonly kind: 'next' }
  | { readonly kind: 'repeat' }
  /** At least one before it is missing. */
  | { readonly kind: 'gap'; readonly expected: bigint }
  /** Like `gap`, of a subject of which later events were parked already. */
  | { readonly kind: 'frozen'; readonly expected: bigint };

/**
 * Where a subject begins that the consumer has not met: `first` expects 1. `kept` takes what comes
 * first, for a consumer that is newer than what its topics keep.
 */
export type InboxBegin = 'first' | 'kept';

/** The table of an inbox, for the list of the service's migrations. */
export function inboxMigration(id: string): Migration {
  const required = (column: ColumnDefinitionBuilder) => column.notNull();
  return {
    id,
    async up(tx) {
      await tx.schema
        .createTable('inbox')
        .addColumn('consumer', 'text', required)
        .addColumn('topic', 'text', required)
        .addColumn('subject', 'text', required)
        .addColumn('sequence', 'bigint', required)
        .addColumn('parked_to', 'bigint', required)
        .addPrimaryKeyConstraint('inbox_key', ['consumer', 'topic', 'subject'])
        .execute();
    },
  };
}

/**
 * Judges an event by its sequence, and moves on to it when it is the next.
 *
 * The common case is one statement that reads nothing: on PostgreSQL a read of a small table scans
 * it, and in a serializable transaction that conflicts with every other subject.
 */
export async function arrive(
  tx: Transaction<InboxTables>,
  arrival: Arrival,
  begin: InboxBegin,
): Promise<Judgement> {
  const { sequence } = arrival;
  if (await moveOn(tx, arrival, begin)) return { kind: 'next' };
  const known = await positionOf(tx, arrival);
  const last = known?.sequence ?? 0n;
  if (sequence <= last) return { kind: 'repeat' };
  const kind = (known?.parked_to ?? 0n) > last ? 'frozen' : 'gap';
  return { kind, expected: last + 1n };
}

/**
 * Remembers that the event was parked: later ones of its subject need not wait for what is missing.
 */
export async function freeze(tx: Transaction<InboxTables>, arrival: Arrival): Promise<void> {
  const { sequence } = arrival;
  const known = await positionOf(tx, arrival);
  const parkedTo = known?.parked_to ?? 0n;
  const position = {
    sequence: known?.sequence ?? 0n,
    parked_to: parkedTo > sequence ? parkedTo : sequence,
  };
  await tx
    .insertInto('inbox')
    .values({ ...keyOf(arrival), ...position })
    .onConflict((conflict) => conflict.columns(KEY).doUpdateSet(position))
    .execute();
}

const KEY = ['consumer', 'topic', 'subject'] as const;
/** Marks a row that was not there before. */
const NEW = -1n;

const takeNext = statement<
  InboxTables,
  { readonly row: readonly InboxTables['inbox'][]; readonly sequence: bigint; before: bigint }
>()((db, { row, sequence, before }) =>
  db
    .insertInto('inbox')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(KEY)
        .doUpdateSet((eb) => ({
          sequence,
          parked_to: eb
            .case()
            .when('inbox.parked_to', '=', NEW)
            .then(0n)
            .else(eb.ref('inbox.parked_to'))
            .end(),
        }))
        .where('inbox.sequence', '=', before),
    )
    .returning('parked_to'),
);

async function moveOn(
  tx: Transaction<InboxTables>,
  arrival: Arrival,
  begin: InboxBegin,
): Promise<boolean> {
  const { sequence } = arrival;
  const row = [{ ...keyOf(arrival), sequence, parked_to: NEW }];
  const [moved] = await takeNext.all(tx, { row, sequence, before: sequence - 1n });
  if (!moved) return false;
  if (moved.parked_to !== NEW || sequence === 1n || begin === 'kept') return true;
  // The subject was unknown, and this is not its first: the row is taken back.
  await tx
    .deleteFrom('inbox')
    .where('consumer', '=', arrival.consumer)
    .where('topic', '=', arrival.topic)
    .where('subject', '=', arrival.subject)
    .execute();
  return false;
}

function keyOf({ consumer, topic, subject }: Arrival) {
  return { consumer, topic, subject };
}

function positionOf(tx: Transaction<InboxTables>, { consumer, topic, subject }: Arrival) {
  return tx
    .selectFrom('inbox')
    .select(['sequence', 'parked_to'])
    .where('consumer', '=', consumer)
    .where('topic', '=', topic)
    .where('subject', '=', subject)
    .executeTakeFirst();
}
