import type { ComponentChildren } from 'preact';

/** What to do when there is nothing yet. */
export function EmptyState(props: { title: string; children: ComponentChildren }) {
  return (
    <section class="empty">
      <svg class="empty-mark" viewBox="0 0 48 48" aria-hidden="true">
        <path d="M8 33c6 0 6-18 12-18s6 22 11 22 4-13 9-13" />
        <circle cx="40" cy="24" r="2.5" />
      </svg>
      <h2 class="empty-title">{props.title}</h2>
      <div class="empty-body">{props.children}</div>
    </section>
  );
}
