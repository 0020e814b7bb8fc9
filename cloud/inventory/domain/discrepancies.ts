import { createHash } from 'node:crypto';
import type { FreezeCommand, Outcome, ResolveCommand } from './command.ts';
import type { DiscrepancyReason, DiscrepancyRecord } from './records.ts';
import type { WorkingSet } from './working-set.ts';

const ID_CHARS = 32;

interface Found {
  readonly reason: DiscrepancyReason;
  readonly difference: bigint;
  readonly detail: string;
}

/** Its id follows from what it is about, so that it is opened once whoever finds it again. */
export function discrepancyOf(
  at: {
    readonly tenant: string;
    readonly site: string;
    readonly item: string;
    readonly id: string;
  },
  found: Found,
): DiscrepancyRecord {
  const { tenant, site, item, id: movementId } = at;
  const subject = JSON.stringify([tenant, site, item, movementId, found.reason]);
  const hash = createHash('sha256').update(subject).digest('hex').slice(0, ID_CHARS);
  return { tenant, id: `dsc_${hash}`, site, item, movementId, state: 'open', ...found };
}

/**
 * What a device said of this item cannot be read, so what is on hand is not known: nothing more is
 * promised until a person has looked.
 */
export function freeze(set: WorkingSet, command: FreezeCommand): Outcome {
  const { tenant, site, item, movementId, reason } = command;
  const discrepancy = discrepancyOf(
    { tenant, site, item, id: movementId },
    { reason: 'unreadable', difference: 0n, detail: reason },
  );
  if (set.discrepancy(tenant, discrepancy.id)) return { kind: 'done' };
  const level = set.level(command);
  const after = { ...level, frozen: level.frozen + 1n };
  set.changeLevel(level, after, { kind: 'adjust', id: movementId });
  set.open(discrepancy);
  return { kind: 'done' };
}

/** A person has looked. What it takes to put the ledger right is a movement of its own. */
export function resolve(set: WorkingSet, command: ResolveCommand): Outcome {
  const { tenant, discrepancyId, by, note } = command;
  const found = set.discrepancy(tenant, discrepancyId);
  if (!found) return { kind: 'unknown' };
  if (found.state === 'resolved') return { kind: 'refused', state: found.state };
  set.resolve({ ...found, state: 'resolved' });
  const level = set.level(found);
  if (found.reason === 'unreadable' && level.frozen > 0n) {
    const cause = { kind: 'adjust' as const, id: discrepancyId };
    set.changeLevel(level, { ...level, frozen: level.frozen - 1n }, cause);
  }
  const { site, item, difference } = found;
  set.audit(tenant, {
    action: 'stock.resolve_discrepancy',
    outcome: 'done',
    actor: by.actor,
    resource: { kind: 'discrepancy', id: discrepancyId },
    site,
    ...(by.policyRevision === undefined ? {} : { policyRevision: by.policyRevision }),
    detail: { item, difference: Number(difference), note },
  });
  return { kind: 'done' };
}
