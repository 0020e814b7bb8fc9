import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { StatusBadge } from '@holdfast/shared/ui/status-badge.tsx';
import { useConsole } from './console-context.ts';
import { NOT_LIVE_PAUSE_MS } from './use-live.ts';

/** Whether what happens is shown as it happens. That the cloud is away, the page says by itself. */
export function LiveMark({ isLive }: { isLive: boolean }) {
  const down = useObservable(useConsole().watch.connection).kind === 'down';
  const state = down ? 'down' : isLive ? 'live' : 'polling';
  return (
    <span class="live-mark" data-testid="live-mark" data-state={state}>
      {state === 'live' && <span class="quiet small">shown as it happens</span>}
      {state === 'polling' && (
        <StatusBadge tone="warn">Not live, asking every {NOT_LIVE_PAUSE_MS / 1_000} s</StatusBadge>
      )}
    </span>
  );
}
