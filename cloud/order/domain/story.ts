import type { HistoryEntry, HistoryRow } from './history.ts';
import type { PeerCallName } from './steps.ts';

/** A call of payment to the acquirer. */
export interface AcquirerAttempt {
  readonly id: string;
  readonly operation: string;
  /** Empty while it is under way. */
  readonly outcome: string;
  readonly startedAt: bigint;
  /** 0 while it is under way. */
  readonly endedAt: bigint;
  readonly detail: string;
}

export type StoryEntry =
  | (HistoryEntry & { readonly at: bigint })
  | ({ readonly kind: 'attempt'; readonly at: bigint } & AcquirerAttempt);

/** Which calls to the acquirer a call to payment causes. */
const OPERATIONS: Partial<Record<PeerCallName, string>> = {
  authorise: 'authorise',
  capture: 'capture',
  void: 'void',
  refund: 'refund',
};

/**
 * The order's story in causal order: its own rows in the order in which they were committed, and
 * the acquirer's attempts where they belong, before the first answer of payment that knows of them.
 * Clocks of two services order nothing: an attempt goes with its operation, a query with the
 * attempt before it. What nobody has answered for yet comes last.
 */
export function storyOf(
  rows: readonly HistoryRow[],
  attempts: readonly AcquirerAttempt[],
): readonly StoryEntry[] {
  const story: StoryEntry[] = [];
  const left = withOperations(attempts);
  const tell = (operation: string): void => {
    for (const { attempt } of left.filter((each) => each.operation === operation)) {
      story.push({ kind: 'attempt', at: attempt.startedAt, ...attempt });
    }
    const rest = left.filter((each) => each.operation !== operation);
    left.splice(0, left.length, ...rest);
  };
  for (const { at, entries } of rows) {
    for (const entry of entries) {
      const operation = entry.kind === 'call' ? OPERATIONS[entry.call] : undefined;
      if (operation) tell(operation);
      story.push({ ...entry, at });
    }
  }
  for (const { attempt } of left) {
    story.push({ kind: 'attempt', at: attempt.startedAt, ...attempt });
  }
  return story;
}

/** A query belongs to the operation whose outcome it finds out. */
function withOperations(attempts: readonly AcquirerAttempt[]) {
  let last = 'authorise';
  return attempts.map((attempt) => {
    if (attempt.operation !== 'query') last = attempt.operation;
    return { attempt, operation: last };
  });
}
