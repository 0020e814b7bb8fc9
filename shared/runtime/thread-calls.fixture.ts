import { AppError } from '../lib/app-error.ts';
import { serveThread } from './thread-calls.ts';

// A thread that counts: what the tests beside it start and call.

export type CountRequest =
  | { readonly kind: 'add'; readonly by: number }
  | { readonly kind: 'measure'; readonly bytes: Uint8Array }
  | { readonly kind: 'reach'; readonly step: string }
  | { readonly kind: 'fail' }
  /** Ends the thread as an error does that nobody catches. */
  | { readonly kind: 'die' }
  /** Says so in `standing`, and never comes back. */
  | { readonly kind: 'hang'; readonly standing: SharedArrayBuffer };

export interface CountStart {
  readonly from: number;
}

serveThread<CountStart, CountRequest, { count: number }>(({ from }, steps) => {
  let count = from;
  let isDying = false;
  return {
    perform(request) {
      switch (request.kind) {
        case 'add':
          count += request.by;
          return count;
        case 'measure':
          return request.bytes.byteLength;
        case 'reach':
          steps.reach(request.step);
          return request.step;
        case 'fail':
          throw new AppError('CONFLICT', 'not this one', { operatorOnly: true });
        case 'die':
          isDying = true;
          return undefined;
        case 'hang':
          return hang(request.standing);
      }
    },
    state: () => ({ count }),
    answered: () => {
      if (isDying) throw new Error('dead');
    },
    close: () => {},
  };
});

function hang(standing: SharedArrayBuffer): never {
  Atomics.store(new Int32Array(standing), 0, 1);
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
