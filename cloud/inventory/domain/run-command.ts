import { bookMovement } from './book-movement.ts';
import type { Command, Outcome } from './command.ts';
import { freeze, resolve } from './discrepancies.ts';
import { stepReservation } from './reservation-steps.ts';
import { reserve } from './reserve.ts';
import type { WorkingSet } from './working-set.ts';

export function runCommand(set: WorkingSet, command: Command): Outcome {
  switch (command.kind) {
    case 'reserve':
      return reserve(set, command);
    case 'move':
      return bookMovement(set, command);
    case 'freeze':
      return freeze(set, command);
    case 'resolve':
      return resolve(set, command);
    default:
      return stepReservation(set, command);
  }
}
