import type { VolumeSpace } from './budget.ts';

/**
 * The volume under the buffer's folder, and a reserve file on it.
 *
 * A full disk fails even a DELETE in SQLite: its write-ahead log has to grow first. So some bytes
 * are kept in a file that is given back then: `stock` goes on, and what makes room can run. A file,
 * and not free pages within the database: the log and the checkpoint need blocks of the volume
 * itself, and on a volume that copies on write no page that was set aside is of use. What another
 * program takes in that moment it takes; that is why the budget keeps its distance from a full
 * volume, and the reserve is only the last resort.
 */
export interface Volume {
  space(): Promise<VolumeSpace>;
  /** Whether the reserve lies on the disk in full. */
  readonly isReserved: boolean;
  /** Fills the reserve up, durably; false when there is no room for it. */
  reserve(): Promise<boolean>;
  /** Gives the reserve back, but for what a start needs; false when it was given back before. */
  release(): boolean;
}
