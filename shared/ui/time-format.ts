/** Times as people read them: in the reader's own time zone, on a 24 hour clock. */
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A span in its largest fitting unit: "850 ms", "12 s", "3 min", "4 h", "2 d", "3 y". */
export function formatSpan(ms: number): string {
  const span = Math.max(0, ms);
  if (span < SECOND_MS) return `${Math.round(span)} ms`;
  if (span < 2 * MINUTE_MS) return `${Math.floor(span / SECOND_MS)} s`;
  if (span < 2 * HOUR_MS) return `${Math.floor(span / MINUTE_MS)} min`;
  if (span < 2 * DAY_MS) return `${Math.floor(span / HOUR_MS)} h`;
  if (span < 730 * DAY_MS) return `${Math.floor(span / DAY_MS)} d`;
  return `${Math.floor(span / (365.25 * DAY_MS))} y`;
}

/** How long ago something was. A clock that runs a little ahead of ours must not read "-1 s". */
export function formatAge(atMs: number, nowMs: number): string {
  const age = nowMs - atMs;
  if (age < -MINUTE_MS) return `in ${formatSpan(-age)}`;
  if (age < 1.5 * SECOND_MS) return 'now';
  return `${formatSpan(age)} ago`;
}

/** "14:03:12" */
export function formatClock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** "14:03" */
export function formatMinute(ms: number): string {
  return formatClock(ms).slice(0, 5);
}

/** "9 Feb" */
export function formatDay(ms: number): string {
  const at = new Date(ms);
  return `${at.getDate()} ${MONTHS[at.getMonth()]}`;
}

/** "Feb 2015" */
export function formatMonth(ms: number): string {
  const at = new Date(ms);
  return `${MONTHS[at.getMonth()]} ${at.getFullYear()}`;
}

/**
 * "9 Feb 2015, 14:03:12", without what the reader can take for granted: today's date, this year.
 */
export function formatMoment(ms: number, nowMs: number): string {
  const at = new Date(ms);
  const now = new Date(nowMs);
  if (at.toDateString() === now.toDateString()) return formatClock(ms);
  if (at.getFullYear() === now.getFullYear()) return `${formatDay(ms)}, ${formatClock(ms)}`;
  return `${formatDay(ms)} ${at.getFullYear()}, ${formatClock(ms)}`;
}

function two(part: number): string {
  return String(part).padStart(2, '0');
}
