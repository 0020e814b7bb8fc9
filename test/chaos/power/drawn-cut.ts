import type { Random } from '@holdfast/shared/runtime/random.ts';
import { drawFates } from './fates.ts';
import type { TraceStep } from './operations.ts';
import { MACHINES, type PowerCut } from './replay.ts';

const BOTH = 2;
/** How many steps a cut may come after a delicate one. */
const NEAR = 8;

/**
 * Half of the cuts lie right after a step that is rare and delicate: a name that changes, a size,
 * an answer to the outside. The others lie anywhere.
 */
export function drawCut(random: Random, steps: readonly TraceStep[]): PowerCut {
  const delicate = steps.flatMap((step, index) => (isDelicate(step) ? [index] : []));
  const near = delicate[random.int(delicate.length)] ?? 0;
  const at =
    random.int(2) === 0
      ? random.int(steps.length + 1)
      : Math.min(steps.length, near + 1 + random.int(NEAR));
  const victim = random.int(MACHINES.length + 1);
  const powerless = MACHINES.filter((_, index) => victim === BOTH || victim === index);
  return { at, fates: Object.fromEntries(powerless.map((name) => [name, drawFates(random)])) };
}

function isDelicate({ operation, mark }: TraceStep): boolean {
  if (mark) return mark.kind !== 'sent' && mark.kind !== 'acknowledged';
  return operation.kind !== 'write' && operation.kind !== 'sync' && operation.kind !== 'mode';
}
