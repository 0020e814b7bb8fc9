import { formatMoney } from '@holdfast/shared/ui/money-format.ts';
import { formatCount } from '@holdfast/shared/ui/number-format.ts';
import type { Order, OrderLine } from './order-api.ts';

/** What was ordered, with its tax; the lines add up to the total. */
export function OrderLines({ order }: { order: Order }) {
  const { currency } = order.total;
  return (
    <section aria-labelledby="lines-title" class="section">
      <h2 id="lines-title">Goods</h2>
      <div class="table-card card">
        <table class="table table-blocks">
          <thead>
            <tr>
              <th scope="col">Product</th>
              <th scope="col" class="table-number">
                Quantity
              </th>
              <th scope="col" class="table-number">
                Price
              </th>
              <th scope="col" class="table-number">
                Net
              </th>
              <th scope="col" class="table-number">
                Tax
              </th>
              <th scope="col" class="table-number">
                Total
              </th>
            </tr>
          </thead>
          <tbody>
            {order.lines.map((line) => (
              <LineRow key={line.productId} line={line} currency={currency} />
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={3}>
                Total, taxed for {order.country}
              </th>
              <MoneyCell name="Net" minorUnits={order.net.minorUnits} currency={currency} />
              <MoneyCell name="Tax" minorUnits={order.tax.minorUnits} currency={currency} />
              <MoneyCell name="Total" minorUnits={order.total.minorUnits} currency={currency} />
            </tr>
          </tfoot>
        </table>
      </div>
    </section>
  );
}

function LineRow({ line, currency }: { line: OrderLine; currency: string }) {
  return (
    <tr>
      <th scope="row">
        {line.name}
        <span class="table-under mono">{line.item}</span>
      </th>
      <td data-name="Quantity" class="table-number numeric">
        {formatCount(line.quantity)}
      </td>
      <td data-name="Price" class="table-number numeric">
        {formatMoney(line.unitPrice)}
      </td>
      <MoneyCell name="Net" minorUnits={line.net} currency={currency} />
      <td data-name="Tax" class="table-number numeric">
        {formatMoney({ currency, minorUnits: line.tax })}
        <span class="table-under">
          {line.taxBasisPoints / 100} % {line.taxClass.replaceAll('_', ' ')}
        </span>
      </td>
      <MoneyCell name="Total" minorUnits={line.total} currency={currency} />
    </tr>
  );
}

function MoneyCell(props: { name: string; minorUnits: number; currency: string }) {
  const { name, minorUnits, currency } = props;
  return (
    <td data-name={name} class="table-number numeric">
      {formatMoney({ currency, minorUnits })}
    </td>
  );
}
