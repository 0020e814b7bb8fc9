import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { Transaction } from 'kysely';
import type { EdgeLinkTables } from './tables.ts';

/**
 * One gateway may park this many blocks with their bytes; of further ones only the record is kept.
 */
export const PARKED_BLOCKS_WITH_BYTES_MAX = 1000;

export interface ParkedBlock {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly lane: Lane;
  readonly range: SequenceRange;
  readonly checksum: string;
  readonly reason: string;
  readonly bytes: Uint8Array;
  readonly parkedAt: bigint;
}

/** Sets a block aside for a person, once for each content: parking it again changes nothing. */
export async function park(tx: Transaction<EdgeLinkTables>, block: ParkedBlock): Promise<void> {
  const { count } = await tx
    .selectFrom('parked_blocks')
    .select((eb) => eb.fn.countAll<bigint>().as('count'))
    .where('gateway_id', '=', block.gatewayId)
    .executeTakeFirstOrThrow();
  await tx
    .insertInto('parked_blocks')
    .values({
      gateway_id: block.gatewayId,
      incarnation: block.incarnation,
      lane: block.lane,
      first_sequence: block.range.first,
      last_sequence: block.range.last,
      checksum: block.checksum,
      reason: block.reason,
      bytes: Number(count) < PARKED_BLOCKS_WITH_BYTES_MAX ? block.bytes : null,
      parked_at: block.parkedAt,
    })
    .onConflict((oc) => oc.doNothing())
    .execute();
}

/** The bytes are for a person to look at; the record of what was refused stays. */
const BYTES_KEPT_MICROS = 90n * 86_400_000_000n;

/** Lets go of the bytes of blocks that were parked 90 days ago. */
export async function forgetParkedBytes(
  tx: Transaction<EdgeLinkTables>,
  nowMicros: bigint,
): Promise<void> {
  await tx
    .updateTable('parked_blocks')
    .set({ bytes: null })
    .where('bytes', 'is not', null)
    .where('parked_at', '<', nowMicros - BYTES_KEPT_MICROS)
    .execute();
}
