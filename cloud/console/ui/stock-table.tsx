import { formatCount } from '@holdfast/shared/ui/number-format.ts';
import { RelativeTime } from '@holdfast/shared/ui/relative-time.tsx';
import { StatusBadge } from '@holdfast/shared/ui/status-badge.tsx';
import type { StockLevel } from './stock-api.ts';

export interface StockTableProps {
  readonly levels: readonly StockLevel[];
  readonly onMove: (level: StockLevel) => void;
}

/** What lies where, and what of it may still be promised. */
export function StockTable({ levels, onMove }: StockTableProps) {
  return (
    <div class="table-card card">
      <table class="table table-blocks table-fours">
        <caption class="visually-hidden">Stock by item and site</caption>
        <thead>
          <tr>
            <th scope="col">Item</th>
            <th scope="col">Site</th>
            <th scope="col" class="table-number" title="Sold and not yet picked included">
              On hand
            </th>
            <th scope="col" class="table-number" title="For orders that are not confirmed">
              Reserved
            </th>
            <th scope="col" class="table-number" title="Confirmed and not picked yet">
              Sold
            </th>
            <th scope="col" class="table-number" title="What may still be promised">
              Free
            </th>
            <th scope="col">Changed</th>
            <th scope="col">
              <span class="visually-hidden">Movement</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {levels.map((level) => (
            <LevelRow key={`${level.site}/${level.item}`} level={level} onMove={onMove} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function LevelRow({ level, onMove }: { level: StockLevel; onMove: (level: StockLevel) => void }) {
  const { site, item, onHand, reserved, sold, free, frozen, changedAt } = level;
  return (
    <tr data-testid={`stock-${site}-${item}`} data-state={frozen ? 'frozen' : 'open'}>
      <th scope="row">
        <span class="mono">{item}</span>
        {frozen && (
          <span class="table-under">
            <StatusBadge tone="bad">Frozen, nothing is promised</StatusBadge>
          </span>
        )}
      </th>
      <td data-name="Site">{site}</td>
      <Count name="On hand" count={onHand} />
      <Count name="Reserved" count={reserved} />
      <Count name="Sold" count={sold} />
      <Count name="Free" count={free} />
      <td data-name="Changed" class="numeric table-tight">
        <RelativeTime atMs={Date.parse(changedAt)} />
      </td>
      <td class="table-action">
        <button
          type="button"
          class="button button-small"
          aria-label={`Book a movement of ${item} at ${site}`}
          onClick={() => onMove(level)}
        >
          Book
        </button>
      </td>
    </tr>
  );
}

function Count({ name, count }: { name: string; count: number }) {
  return (
    <td
      class="table-number numeric"
      data-name={name}
      data-zero={count === 0 ? 'true' : undefined}
      data-below={count < 0 ? 'true' : undefined}
    >
      {formatCount(count)}
    </td>
  );
}
