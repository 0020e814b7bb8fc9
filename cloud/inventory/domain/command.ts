import type { MovementKind } from '@holdfast/shared/contracts/events/inventory.ts';
import type { LevelRecord, ReservationRecord } from './records.ts';

/** Who is behind a change that is audited. */
export interface Responsible {
  readonly actor: string;
  readonly policyRevision?: string;
  readonly reasons?: readonly string[];
}

export interface WantedLine {
  readonly item: string;
  readonly quantity: bigint;
  /** Undefined: the ledger chooses one site that can give the whole line. */
  readonly site: string | undefined;
}

export interface ReserveCommand {
  readonly kind: 'reserve';
  readonly tenant: string;
  readonly reservationId: string;
  readonly orderId: string;
  readonly lines: readonly WantedLine[];
  readonly holdMicros: bigint;
}

/** What happens to a reservation that is there. */
export interface StepCommand {
  readonly kind: 'confirm' | 'pick' | 'release' | 'expire';
  readonly tenant: string;
  readonly reservationId: string;
}

/** A movement that is to be booked. */
export interface NewMovement {
  readonly id: string;
  readonly site: string;
  readonly item: string;
  readonly kind: MovementKind;
  readonly quantity: bigint;
  readonly toSite?: string;
  /** Undefined: now. */
  readonly occurredAt?: bigint;
  /** Of a count: what the counter was shown. Undefined: all that the ledger knows of before it. */
  readonly seen?: { readonly onHand: bigint; readonly version: bigint };
  readonly reason?: string;
  /** JSON: what was scanned, weighed, read. */
  readonly evidence?: string;
}

export interface MoveCommand {
  readonly kind: 'move';
  readonly tenant: string;
  readonly movement: NewMovement;
  /** A person or a service that answers for it; what a device saw has none. */
  readonly by?: Responsible;
}

/** Something about the item cannot be read: no more of it is promised until a person looked. */
export interface FreezeCommand {
  readonly kind: 'freeze';
  readonly tenant: string;
  readonly site: string;
  readonly item: string;
  /** Of the message that was parked. */
  readonly movementId: string;
  readonly reason: string;
}

export interface ResolveCommand {
  readonly kind: 'resolve';
  readonly tenant: string;
  readonly discrepancyId: string;
  readonly note: string;
  readonly by: Responsible;
}

export type Command = ReserveCommand | StepCommand | MoveCommand | FreezeCommand | ResolveCommand;

export interface Shortage {
  readonly item: string;
  readonly wanted: bigint;
  readonly free: bigint;
}

export type Outcome =
  | { readonly kind: 'reservation'; readonly reservation: ReservationRecord }
  | { readonly kind: 'short'; readonly shortages: readonly Shortage[] }
  | { readonly kind: 'refused'; readonly state: string }
  | { readonly kind: 'booked'; readonly level: LevelRecord; readonly repeated: boolean }
  /** The same id was used with another content. */
  | { readonly kind: 'other-content' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'done' };
