import type { OrderState } from '@holdfast/shared/contracts/events/order.ts';
import { StatusBadge } from '@holdfast/shared/ui/status-badge.tsx';
import { ORDER_STATE_WORDS } from './order-words.ts';

export function OrderBadge({ state }: { state: OrderState }) {
  const { label, tone, meaning } = ORDER_STATE_WORDS[state];
  return (
    <span data-testid="order-state" data-state={state} title={meaning}>
      <StatusBadge tone={tone}>{label}</StatusBadge>
    </span>
  );
}
