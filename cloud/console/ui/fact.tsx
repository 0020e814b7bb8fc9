import type { ComponentChildren } from 'preact';

/** One name and value of a `facts` list. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt class="quiet">{name}</dt>
      <dd class="numeric">{children}</dd>
    </div>
  );
}
