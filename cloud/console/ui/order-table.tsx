import { formatMoney } from '@holdfast/shared/ui/money-format.ts';
import { formatCount } from '@holdfast/shared/ui/number-format.ts';
import { RelativeTime } from '@holdfast/shared/ui/relative-time.tsx';
import type { Order } from './order-api.ts';
import { OrderBadge } from './order-badge.tsx';
import { shortId } from './order-words.ts';
import { orderPath } from './routes.ts';

export interface OrderTableProps {
  readonly orders: readonly Order[];
  /** A customer knows whose orders these are. */
  readonly showCustomer: boolean;
}

/** The newest first. On a narrow screen each order is a block of its own. */
export function OrderTable({ orders, showCustomer }: OrderTableProps) {
  return (
    <div class="table-card card">
      <table class="table table-blocks table-headed">
        <caption class="visually-hidden">Orders, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">Order</th>
            <th scope="col">State</th>
            <th scope="col">Goods</th>
            <th scope="col" class="table-number">
              Total
            </th>
            <th scope="col">Placed</th>
            {showCustomer && <th scope="col">Customer</th>}
          </tr>
        </thead>
        <tbody>
          {orders.map((order) => (
            <OrderRow key={order.id} order={order} showCustomer={showCustomer} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function OrderRow({ order, showCustomer }: { order: Order; showCustomer: boolean }) {
  return (
    <tr data-testid={order.id} data-state={order.state}>
      <th scope="row">
        <a class="mono" href={orderPath(order.id)} title={order.id}>
          {shortId(order.id)}
        </a>
      </th>
      <td data-name="State">
        <OrderBadge state={order.state} />
      </td>
      <td data-name="Goods" class="table-words">
        {goodsWords(order)}
      </td>
      <td data-name="Total" class="table-number numeric">
        {formatMoney(order.total)}
      </td>
      <td data-name="Placed" class="numeric table-tight">
        <RelativeTime atMs={Date.parse(order.placedAt)} />
      </td>
      {showCustomer && (
        <td data-name="Customer" class="mono table-tight" title={order.customer}>
          {shortId(order.customer)}
        </td>
      )}
    </tr>
  );
}

function goodsWords({ lines }: Order): string {
  return lines.map(({ quantity, name }) => `${formatCount(quantity)} × ${name}`).join(', ');
}
