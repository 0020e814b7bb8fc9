import { RefusalReason } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Coverage } from '@holdfast/shared/domain/ranges.ts';
import type { SendKind } from './credits.ts';

export const REFUSALS = [
  'partly-covered',
  'gap',
  'conflict',
  'checksum',
  'too-large',
  'too-many-ranges',
  'unknown',
] as const;
export type Refusal = (typeof REFUSALS)[number];

export interface RefusalFacts {
  readonly lane: Lane;
  readonly kind: SendKind;
  /** How much of the block the cloud holds, by the positions that came with the refusal. */
  readonly covered: Coverage;
  /** How often this block was sent again before. */
  readonly resends: number;
}

export type RefusalAnswer =
  /** The cloud holds all of it: nothing is left to send. */
  | 'done'
  | 'send-again'
  /** Set aside with a durable record; it is not sent again. */
  | 'park'
  /** Sent again, and until a gap closes only backlog goes. */
  | 'backlog-only'
  /** Sent again, after all that is in flight has come back. */
  | 'settle'
  /** The lane waits for a person; nothing is lost. */
  | 'stuck'
  /** A newer cloud's reason: the stream ends and is tried again later. */
  | 'end';

const RESENDS_MAX = 3;

/** What follows from each reason. */
const ANSWERS: Readonly<Record<Refusal, (facts: RefusalFacts) => RefusalAnswer>> = {
  'partly-covered': ({ covered, resends }) => {
    if (covered === 'covered') return 'done';
    // Cut anew it would contradict what the cloud may already have; what is missing of it needs a
    // person.
    return covered === 'partly' || resends > 0 ? 'park' : 'send-again';
  },
  // The lane goes on at the cloud's mark. A gap that stays means that the cloud lacks what the
  // gateway no longer has.
  gap: ({ resends }) => (resends < RESENDS_MAX ? 'settle' : 'stuck'),
  conflict: () => 'park',
  checksum: ({ resends, lane }) => {
    if (resends > 0) return 'park';
    return lane === 'stock' ? 'settle' : 'send-again';
  },
  'too-large': () => 'park',
  'too-many-ranges': ({ kind, resends }) => {
    if (kind === 'live') return 'backlog-only';
    return resends < RESENDS_MAX ? 'settle' : 'stuck';
  },
  unknown: () => 'end',
};

export function answerRefusal(refusal: Refusal, facts: RefusalFacts): RefusalAnswer {
  return ANSWERS[refusal](facts);
}

const FROM_WIRE: Readonly<Record<number, Refusal>> = {
  [RefusalReason.REFUSAL_REASON_PARTLY_COVERED]: 'partly-covered',
  [RefusalReason.REFUSAL_REASON_GAP]: 'gap',
  [RefusalReason.REFUSAL_REASON_CONFLICT]: 'conflict',
  [RefusalReason.REFUSAL_REASON_CHECKSUM]: 'checksum',
  [RefusalReason.REFUSAL_REASON_TOO_LARGE]: 'too-large',
  [RefusalReason.REFUSAL_REASON_TOO_MANY_RANGES]: 'too-many-ranges',
};

export function refusalFromWire(reason: RefusalReason): Refusal {
  return FROM_WIRE[reason] ?? 'unknown';
}
