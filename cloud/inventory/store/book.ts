import type { Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { sql as raw, type Transaction } from 'kysely';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import type { Command, Outcome } from '../domain/command.ts';
import { runCommand } from '../domain/run-command.ts';
import { WorkingSet } from '../domain/working-set.ts';
import { load } from './load.ts';
import { save } from './save.ts';
import type { InventoryTables } from './tables.ts';

type Tx = Transaction<InventoryTables>;

/**
 * Waits for the ledger's turn; the first statement of each transaction that changes it. Processes
 * on PostgreSQL that met on one item would otherwise undo each other's work (40001) for as long as
 * it is wanted: LOCK TABLE waits before the transaction's view is taken, so who comes next sees
 * what the one before did. SQLite has one writer anyway.
 */
export async function takeTurn(tx: Tx, technology: Technology): Promise<void> {
  if (technology === 'sqlite') return;
  await raw`lock table ledger_turn in exclusive mode`.execute(tx);
}

export interface BookOptions {
  readonly outbox: Outbox;
  readonly now: bigint;
}

/** Runs the commands in order and writes what came of them. The turn was taken before. */
export async function book(
  tx: Tx,
  commands: readonly Command[],
  options: BookOptions,
): Promise<readonly Outcome[]> {
  const outcomes = new Map<Command, Outcome>();
  for (const [tenant, own] of Map.groupBy(commands, (command) => command.tenant)) {
    const set = new WorkingSet(await load(tx, tenant, own), options.now);
    for (const command of own) outcomes.set(command, runCommand(set, command));
    await save(tx, set.changes(), options);
  }
  return commands.map((command) => outcomes.get(command)!);
}
