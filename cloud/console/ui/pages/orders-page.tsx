import { EmptyState } from '@holdfast/shared/ui/empty-state.tsx';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import type { Page } from '../api.ts';
import { useConsole } from '../console-context.ts';
import { LoadFailure, Waiting } from '../data-state.tsx';
import { LiveMark } from '../live-mark.tsx';
import type { Order } from '../order-api.ts';
import { OrderTable } from '../order-table.tsx';
import { isOrderState, ORDER_STATE_WORDS, ORDER_STATES } from '../order-words.ts';
import { PageHeading } from '../page-heading.tsx';
import { Pager } from '../pager.tsx';
import { isStaff, usePerson } from '../principal.ts';
import { ordersPath } from '../routes.ts';
import { useLive } from '../use-live.ts';

const SHOWN_MAX = 50;
const ALL = '';

export interface OrdersPageProps {
  /** Of the filter; empty for all. */
  readonly state: string;
  readonly cursor: string;
}

export function OrdersPage({ state: wanted, cursor }: OrdersPageProps) {
  const { router, watch } = useConsole();
  const state = isOrderState(wanted) ? wanted : ALL;
  const stale = useObservable(watch.connection).kind === 'down';
  const query = new URLSearchParams({ limit: String(SHOWN_MAX) });
  if (state !== ALL) query.set('state', state);
  if (cursor !== '') query.set('cursor', cursor);
  const { data, failure, isLive } = useLive<Page<Order>>(`/v1/orders?${query}`, () => true);
  return (
    <>
      <PageHeading title="Orders">
        <LiveMark isLive={isLive} />
      </PageHeading>
      <label class="filter">
        <span class="quiet small">State</span>
        <select
          class="input"
          value={state}
          onChange={(event) => router.go(ordersPath({ state: event.currentTarget.value }))}
        >
          <option value={ALL}>All</option>
          {ORDER_STATES.map((each) => (
            <option key={each} value={each}>
              {ORDER_STATE_WORDS[each].label}
            </option>
          ))}
        </select>
      </label>
      {failure !== undefined && !stale && <LoadFailure what="The orders" failure={failure} />}
      {data ? (
        <Found page={data} state={state} cursor={cursor} />
      ) : (
        (failure === undefined || stale) && <Waiting what="orders" stale={stale} />
      )}
    </>
  );
}

function Found({ page, state, cursor }: OrdersPageProps & { page: Page<Order> }) {
  const showCustomer = isStaff(usePerson());
  const pager = (
    <Pager
      first={cursor === '' ? undefined : ordersPath({ state })}
      next={page.next_cursor === null ? undefined : ordersPath({ state, cursor: page.next_cursor })}
      firstLabel="Newest"
      nextLabel="Older"
    />
  );
  if (page.items.length === 0) {
    return (
      <>
        {state === ALL && cursor === '' ? <NoOrders /> : <NoneFound state={state} />}
        {pager}
      </>
    );
  }
  return (
    <>
      <OrderTable orders={page.items} showCustomer={showCustomer} />
      {pager}
    </>
  );
}

function NoneFound({ state }: { state: string }) {
  const label = isOrderState(state) ? ORDER_STATE_WORDS[state].label.toLowerCase() : undefined;
  return (
    <p class="waiting quiet">
      {label === undefined ? 'No older order is there.' : `No order is ${label} now.`}{' '}
      <a href={ordersPath()}>Show all</a>
    </p>
  );
}

function NoOrders() {
  return (
    <EmptyState title="No order yet">
      <p>
        An order appears here when a customer places it: <code class="mono">POST /v1/orders</code>,
        described at <a href="/docs">/docs</a>.
      </p>
      <p>
        <code class="mono">npm start</code> has a customer who orders every few seconds, and a
        storekeeper who ships.
      </p>
    </EmptyState>
  );
}
