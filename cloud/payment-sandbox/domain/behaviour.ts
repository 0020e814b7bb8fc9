/** What the sandbox can be told to do instead of answering. */
export const BEHAVIOURS = [
  'decline',
  'timeout',
  'late',
  'twice',
  'malformed',
  'drop_before',
  'drop_after',
  'error',
  'retryable',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

export const CALLS = ['Authorise', 'Capture', 'Void', 'Refund', 'Query', 'ListDay'] as const;
export type CallName = (typeof CALLS)[number];

/** How an answer goes out. */
export type Delivery = 'answer' | 'hang' | 'late' | 'twice' | 'malformed' | 'drop' | 'error';

interface Conduct {
  /** Whether the operation takes effect before the answer. */
  readonly effect: 'done' | 'declined' | 'none';
  readonly delivery: Delivery;
}

/** `none` with `answer` is the fault retryable. */
export const CONDUCTS: Readonly<Record<Behaviour | 'obey', Conduct>> = {
  obey: { effect: 'done', delivery: 'answer' },
  decline: { effect: 'declined', delivery: 'answer' },
  timeout: { effect: 'done', delivery: 'hang' },
  late: { effect: 'done', delivery: 'late' },
  twice: { effect: 'done', delivery: 'twice' },
  malformed: { effect: 'done', delivery: 'malformed' },
  drop_before: { effect: 'none', delivery: 'drop' },
  drop_after: { effect: 'done', delivery: 'drop' },
  error: { effect: 'done', delivery: 'error' },
  retryable: { effect: 'none', delivery: 'answer' },
};

/** `tok_drop_after_…` behaves so at its first Authorise. */
export function behaviourOfToken(token: string): Behaviour | undefined {
  return BEHAVIOURS.find((behaviour) => token.startsWith(`tok_${behaviour}_`));
}
