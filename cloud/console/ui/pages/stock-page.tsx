import { isWorthTelling } from '@holdfast/shared/ui/connection.ts';
import { EmptyState } from '@holdfast/shared/ui/empty-state.tsx';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { type Poll, startPoll } from '@holdfast/shared/ui/poll.ts';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Listing, listAll } from '../api.ts';
import { useConsole } from '../console-context.ts';
import { LoadFailure, Waiting } from '../data-state.tsx';
import { MovementForm } from '../movement-form.tsx';
import { PageHeading } from '../page-heading.tsx';
import { stockPath } from '../routes.ts';
import type { StockLevel } from '../stock-api.ts';
import { StockTable } from '../stock-table.tsx';
import { Discrepancies, ParkedMessages } from '../stock-troubles.tsx';

/** No channel of /v1/ws carries stock: it is asked for, and an unchanged page costs a 304. */
const PAUSE_MS = 2_000;

export function StockPage({ search }: { search: string }) {
  const { router } = useConsole();
  const { listing, failure, stale, again } = useStock();
  const [moved, setMoved] = useState<{ readonly level: StockLevel | undefined }>();
  const levels = listing?.items ?? [];
  const found = useMemo(() => matchLevels(levels, search), [levels, search]);
  return (
    <>
      <PageHeading title="Stock">
        {!stale && <p class="quiet small">asked for every {PAUSE_MS / 1_000} s</p>}
      </PageHeading>
      <div class="toolbar">
        <search class="search">
          <input
            class="input"
            type="search"
            aria-label="Search stock"
            placeholder="Search by item or site"
            value={search}
            onInput={(event) => router.go(stockPath(event.currentTarget.value), 'replace')}
          />
        </search>
        <button type="button" class="button" onClick={() => setMoved({ level: undefined })}>
          Book a movement
        </button>
      </div>
      {failure !== undefined && !stale && <LoadFailure what="The stock" failure={failure} />}
      {listing ? (
        <Found all={listing} found={found} onMove={(level) => setMoved({ level })} />
      ) : (
        (failure === undefined || stale) && <Waiting what="stock" stale={stale} />
      )}
      <Discrepancies />
      <ParkedMessages />
      {moved && (
        <MovementForm
          levels={levels}
          level={moved.level}
          onClose={() => setMoved(undefined)}
          onDone={again}
        />
      )}
    </>
  );
}

interface FoundProps {
  readonly all: Listing<StockLevel>;
  readonly found: readonly StockLevel[];
  readonly onMove: (level: StockLevel) => void;
}

function Found({ all, found, onMove }: FoundProps) {
  if (all.items.length === 0) return <NoStock />;
  if (found.length === 0) {
    return (
      <p class="waiting quiet">
        No item matches. <a href={stockPath()}>Show all</a>
      </p>
    );
  }
  return (
    <>
      <StockTable levels={found} onMove={onMove} />
      {all.cut && <p class="quiet small">There are more items than this page shows.</p>}
    </>
  );
}

function NoStock() {
  return (
    <EmptyState title="No stock yet">
      <p>
        Stock comes with the warehouse's movements: a scanner publishes them to{' '}
        <code class="mono">devices/ID/stock</code>, or a person books one here.{' '}
        <code class="mono">npm start</code> has a scanner that receives goods.
      </p>
    </EmptyState>
  );
}

/** Each word must occur in the item or the site. */
function matchLevels(levels: readonly StockLevel[], search: string): readonly StockLevel[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return levels.filter(({ item, site }) => {
    const text = `${item} ${site}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function useStock() {
  const { api, watch } = useConsole();
  const [listing, setListing] = useState<Listing<StockLevel>>();
  const [failure, setFailure] = useState<unknown>();
  const stale = useObservable(watch.connection).kind === 'down';
  const poll = useRef<Poll>(undefined);
  useEffect(() => {
    poll.current = startPoll({
      read: (signal) => listAll<StockLevel>(api, '/v1/stock', signal),
      intervalMs: PAUSE_MS,
      onValue(value) {
        setListing(value);
        setFailure(undefined);
      },
      onFailure(error, failureCount) {
        if (isWorthTelling(error, failureCount)) setFailure(error);
      },
    });
    return poll.current.stop;
  }, [api]);
  return { listing, failure, stale, again: () => poll.current?.again() };
}
