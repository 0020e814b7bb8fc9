import type { ComponentChildren } from 'preact';

/** Each tone has a mark of its own beside its colour, so that nobody has to see the colour. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle';

const MARKS: Record<Tone, string> = {
  good: 'M3.2 8.4l3 3 6.4-6.6',
  busy: 'M8 3v6M5 6.6L8 3.4l3 3.2M4 12.6h8',
  warn: 'M8 3.4v5.4M8 11.8v.8',
  bad: 'M4.4 4.4l7.2 7.2M11.6 4.4l-7.2 7.2',
  idle: 'M4 8h8',
};

export function StatusBadge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`badge badge-${tone}`}>
      <svg class="badge-mark" viewBox="0 0 16 16" aria-hidden="true">
        <path d={MARKS[tone]} />
      </svg>
      {children}
    </span>
  );
}
