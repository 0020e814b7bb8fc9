import { useEffect, useState } from 'preact/hooks';

const TICK_MS = 1_000;
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The time, once a second, from one timer for the whole page: all ages on it move together. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const tick = (): void => setNow(Date.now());
    watchers.add(tick);
    timer ??= setInterval(tickAll, TICK_MS);
    return () => {
      watchers.delete(tick);
      if (watchers.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return now;
}

function tickAll(): void {
  for (const tick of [...watchers]) tick();
}
