import { useEffect, useRef, useState } from 'preact/hooks';

/** A value that several parts of a page watch. */
export interface Observable<T> {
  get(): T;
  set(value: T): void;
  /** Calls back after each change until the returned function is called. */
  watch(callback: (value: T) => void): () => void;
}

export function createObservable<T>(initial: T): Observable<T> {
  let current = initial;
  const watchers = new Set<(value: T) => void>();
  return {
    get: () => current,
    set(value) {
      if (Object.is(value, current)) return;
      current = value;
      for (const watcher of [...watchers]) watcher(value);
    },
    watch(callback) {
      watchers.add(callback);
      return () => watchers.delete(callback);
    },
  };
}

/** The value as state of a component: it renders again when the value changes. */
export function useObservable<T>(observable: Observable<T>): T {
  const [, render] = useState(0);
  const shown = useRef(observable.get());
  shown.current = observable.get();
  useEffect(() => {
    const refresh = (value: T): void => {
      if (!Object.is(value, shown.current)) render((count) => count + 1);
    };
    // It may have changed between the drawing and this effect.
    refresh(observable.get());
    return observable.watch(refresh);
  }, [observable]);
  return shown.current;
}
