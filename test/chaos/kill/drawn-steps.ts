import type { Random } from '@holdfast/shared/runtime/random.ts';

/** Steps of the durable paths, by the process that reaches them. */
export const STEPS = {
  gateway: [
    'broker.puback.before',
    'buffer.append.before-commit',
    'buffer.append.committed',
    'buffer.seal.before-commit',
    'buffer.seal.committed',
    'buffer.ack.before-commit',
    'buffer.ack.committed',
    'buffer.turn.before-commit',
    'buffer.turn.committed',
    'uplink.turn.held',
    'uplink.block.before-send',
    'uplink.block.sent',
    'uplink.ack.received',
  ],
  cloud: [
    'edge-link.block.received',
    'edge-link.append.before',
    'edge-link.append.done',
    'edge-link.ack.sent',
    'edge-link.positions.before-commit',
    'edge-link.positions.committed',
    'event-log.append.before',
    'event-log.append.before-commit',
    'event-log.append.committed',
    'event-log.batch.before',
    'event-log.batch.handled',
    'event-log.offset.committed',
    'outbox.publish.before',
    'outbox.published',
    'outbox.removed',
    'sql.commit',
    'sql.committed',
    'telemetry.batch.before-commit',
    'telemetry.batch.committed',
  ],
} as const;

/**
 * A named step is reached at most so often before the kill; steps that happen once a start come
 * first.
 */
const NAMED_COUNT_MAX = 40;
const ANY_COUNT_MAX = 2_000;
/** One sentence in so many counts every step, whatever its name. */
const ANY_EVERY = 4;

export interface DrawnStep {
  /** Undefined: any step counts. */
  readonly step: string | undefined;
  readonly afterSteps: number;
}

/**
 * Small counts are as likely as large ones: the first steps after a start are the delicate ones.
 */
export function drawStep(random: Random, process: keyof typeof STEPS): DrawnStep {
  const logUniform = (max: number): number => Math.floor(max ** random.fraction());
  if (random.int(ANY_EVERY) === 0)
    return { step: undefined, afterSteps: logUniform(ANY_COUNT_MAX) };
  const names = STEPS[process];
  return { step: names[random.int(names.length)]!, afterSteps: logUniform(NAMED_COUNT_MAX) };
}
