/**
 * The saga as data: what each step does, and what undoes it. All calls are idempotent by an id that
 * was drawn when the order was placed; what undoes is remembered by the callee even for an id that
 * it has not seen, so that a call which comes late finds its work undone already.
 */
export interface Step {
  readonly id: StepName;
  readonly do: PeerCallName;
  readonly undo: UndoCall | 'refund' | null;
}

export const FORWARD_CALLS = ['reserve', 'authorise', 'confirm', 'pick', 'capture'] as const;
export const UNDO_CALLS = ['release', 'void'] as const;
export type UndoCall = (typeof UNDO_CALLS)[number];
export type PeerCallName = (typeof FORWARD_CALLS)[number] | UndoCall | 'refund';
export type StepName = (typeof FORWARD_CALLS)[number];

export const STEPS: Readonly<Record<StepName, Step>> = {
  reserve: { id: 'reserve', do: 'reserve', undo: 'release' },
  authorise: { id: 'authorise', do: 'authorise', undo: 'void' },
  confirm: { id: 'confirm', do: 'confirm', undo: 'release' },
  // What left the site is not put back by a call: from here on money alone is undone.
  pick: { id: 'pick', do: 'pick', undo: null },
  capture: { id: 'capture', do: 'capture', undo: 'refund' },
};

/** What undoes these steps, each once, the last first. */
export function undoOf(...steps: readonly StepName[]): readonly UndoCall[] {
  const calls = steps.toReversed().map((step) => STEPS[step].undo);
  return UNDO_CALLS.filter((call) => calls.includes(call));
}
