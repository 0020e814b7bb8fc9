import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { RelativeTime } from '@holdfast/shared/ui/relative-time.tsx';
import { useConsole } from '../console-context.ts';
import { LoadFailure, sentence, Waiting } from '../data-state.tsx';
import { Fact } from '../fact.tsx';
import { LiveMark } from '../live-mark.tsx';
import { OrderActions } from '../order-actions.tsx';
import type { OrderStory } from '../order-api.ts';
import { OrderBadge } from '../order-badge.tsx';
import { OrderLines } from '../order-lines.tsx';
import { OrderTimeline } from '../order-timeline.tsx';
import { ORDER_STATE_WORDS, shortId } from '../order-words.ts';
import { PageHeading } from '../page-heading.tsx';
import { ordersPath } from '../routes.ts';
import { useLive } from '../use-live.ts';

/** An order with its story: why it is as it is. */
export function OrderPage({ id }: { id: string }) {
  const { watch } = useConsole();
  const stale = useObservable(watch.connection).kind === 'down';
  const path = `/v1/orders/${encodeURIComponent(id)}/why`;
  const { data, failure, isLive, again } = useLive<OrderStory>(
    path,
    ({ subject }) => subject === id,
  );
  return (
    <>
      <a class="back small" href={ordersPath()}>
        <span aria-hidden="true">←</span> All orders
      </a>
      <PageHeading title={`Order ${shortId(id)}`}>
        {data && <OrderBadge state={data.order.state} />}
        <LiveMark isLive={isLive} />
      </PageHeading>
      {failure !== undefined && !stale && <LoadFailure what="The order" failure={failure} />}
      {data ? (
        <Story told={data} onChange={again} />
      ) : (
        (failure === undefined || stale) && <Waiting what="order" stale={stale} />
      )}
    </>
  );
}

function Story({ told, onChange }: { told: OrderStory; onChange: () => void }) {
  const { order, payment, story } = told;
  return (
    <>
      <p>
        {ORDER_STATE_WORDS[order.state].meaning}
        {order.reason !== null && <> {sentence(capital(order.reason))}</>}
      </p>
      <OrderActions order={order} onDone={onChange} />
      <OrderFacts told={told} />
      <OrderLines order={order} />
      {payment.state === 'unavailable' && (
        <p class="notice notice-warn">
          Payment does not answer now: its calls to the acquirer are missing below.
        </p>
      )}
      <OrderTimeline story={story} />
    </>
  );
}

function OrderFacts({ told: { order, payment, reservation, traceId } }: { told: OrderStory }) {
  return (
    <dl class="facts order-facts card">
      <Fact name="Order">
        <Id text={order.id} />
      </Fact>
      <Fact name="Customer">
        <Id text={order.customer} />
      </Fact>
      <Fact name="Placed">
        <RelativeTime atMs={Date.parse(order.placedAt)} />
      </Fact>
      <Fact name="Goods from">{order.sites.join(', ') || 'no site yet'}</Fact>
      <Fact name="Reservation">
        <Id text={reservation.id} />
      </Fact>
      <Fact name="Payment">
        <Id text={payment.key} />
      </Fact>
      {order.shipmentId !== null && (
        <Fact name="Shipment">
          <Id text={order.shipmentId} />
        </Fact>
      )}
      {order.refundId !== null && (
        <Fact name="Refund">
          <Id text={order.refundId} />
        </Fact>
      )}
      <Fact name="Trace">{traceId === null ? 'it was not traced' : <Id text={traceId} />}</Fact>
    </dl>
  );
}

function Id({ text }: { text: string }) {
  return <span class="mono id">{text}</span>;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
