import { formatAge, formatMoment } from './time-format.ts';
import { useNow } from './use-now.ts';

/** "12 s ago", kept current; the exact moment is its title and its machine-readable value. */
export function RelativeTime({ atMs }: { atMs: number }) {
  const now = useNow();
  return (
    <time dateTime={new Date(atMs).toISOString()} title={formatMoment(atMs, now)}>
      {formatAge(atMs, now)}
    </time>
  );
}
