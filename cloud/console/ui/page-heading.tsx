import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { StatusBadge } from '@holdfast/shared/ui/status-badge.tsx';
import { formatClock } from '@holdfast/shared/ui/time-format.ts';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useConsole } from './console-context.ts';

/**
 * The page's title: in the tab, as its first heading, and where the focus goes so that a reader
 * hears the new page.
 */
export function PageHeading(props: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${props.title} · Holdfast`;
  }, [props.title]);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div class="page-heading">
      <h1 ref={heading} tabIndex={-1}>
        {props.title}
      </h1>
      {props.children}
      <StaleMark />
    </div>
  );
}

/** Beside the title of every page, so that nobody takes what is shown for the present. */
function StaleMark() {
  const { watch, fleet } = useConsole();
  const down = useObservable(watch.connection).kind === 'down';
  const { atMs } = useObservable(fleet.fleet);
  if (!down || atMs === 0) return null;
  return <StatusBadge tone="idle">Not live, as of {formatClock(atMs)}</StatusBadge>;
}
