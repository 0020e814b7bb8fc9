export interface PagerProps {
  /** Where the list begins; undefined on its first page. */
  readonly first: string | undefined;
  readonly next: string | undefined;
  readonly firstLabel: string;
  readonly nextLabel: string;
}

/** A list goes on page by page; the way back to its middle is the browser's. */
export function Pager({ first, next, firstLabel, nextLabel }: PagerProps) {
  if (first === undefined && next === undefined) return null;
  return (
    <nav class="pager" aria-label="Pages of the list">
      {first !== undefined && (
        <a class="button button-small" href={first}>
          {firstLabel}
        </a>
      )}
      {next !== undefined && (
        <a class="button button-small" href={next}>
          {nextLabel}
        </a>
      )}
    </nav>
  );
}
