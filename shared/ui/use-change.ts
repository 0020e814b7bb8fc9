import { useCallback, useRef, useState } from 'preact/hooks';
import { AppError } from '../lib/app-error.ts';
import { createIntention, type Intention } from './intention.ts';

export interface Change<T> {
  readonly busy: boolean;
  /** Why the last attempt was refused, or what is not known about it. */
  readonly refusal: AppError | undefined;
  /** The value, or undefined when it was refused. */
  run(payload: unknown, send: (idempotencyKey: string) => Promise<T>): Promise<T | undefined>;
  clear(): void;
}

/** One intention of a person, however often it is attempted. */
export function useChange<T>(): Change<T> {
  const intention = useRef<Intention>(undefined);
  intention.current ??= createIntention(() => crypto.randomUUID());
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<AppError>();
  const run: Change<T>['run'] = useCallback(async (payload, send) => {
    setBusy(true);
    setRefusal(undefined);
    try {
      const value = await send(intention.current!.keyFor(payload));
      intention.current!.done();
      return value;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      setRefusal(error);
      return undefined;
    } finally {
      setBusy(false);
    }
  }, []);
  const clear = useCallback(() => setRefusal(undefined), []);
  return { busy, refusal, run, clear };
}
