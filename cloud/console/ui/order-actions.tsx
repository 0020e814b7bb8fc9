import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';
import { useChange } from '@holdfast/shared/ui/use-change.ts';
import type { TargetedSubmitEvent } from 'preact';
import { useState } from 'preact/hooks';
import { useConsole } from './console-context.ts';
import { Dialog } from './dialog.tsx';
import type { Order } from './order-api.ts';
import { actionsFor, type OrderAction, REFUND_REASONS } from './order-words.ts';
import { usePerson } from './principal.ts';
import { Refusal } from './refusal.tsx';

/** What this person may do with the order as it stands. */
export function OrderActions({ order, onDone }: { order: Order; onDone: () => void }) {
  const actions = actionsFor(usePerson(), order);
  const [asked, setAsked] = useState<OrderAction>();
  return (
    <>
      {actions.length > 0 && (
        <div class="actions">
          {actions.map((action) => (
            <button
              key={action.name}
              type="button"
              class={action.name === 'ship' ? 'button button-main' : 'button'}
              onClick={() => setAsked(action)}
            >
              {action.label}
            </button>
          ))}
        </div>
      )}
      {asked && (
        <ActionDialog
          order={order}
          action={asked}
          onClose={() => setAsked(undefined)}
          onDone={onDone}
        />
      )}
    </>
  );
}

interface ActionDialogProps {
  readonly order: Order;
  readonly action: OrderAction;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

function ActionDialog({ order, action, onClose, onDone }: ActionDialogProps) {
  const { api } = useConsole();
  const change = useChange<object>();
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const reason = new FormData(event.currentTarget).get('reason');
    const body = action.name === 'refund' ? { reason: String(reason) } : {};
    const done = await change.run(body, (key) => act(api, { order, action, body, key }));
    onDone();
    if (done) onClose();
  };
  return (
    <Dialog title={action.question} onClose={onClose}>
      <form class="dialog-form" onSubmit={submit}>
        <p>{action.consequence}</p>
        {action.name === 'refund' && <RefundReason />}
        <Refusal refusal={change.refusal} />
        <div class="actions dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Keep it as it is
          </button>
          <button type="submit" class="button button-main" disabled={change.busy}>
            {change.busy ? 'Asking…' : action.label}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function RefundReason() {
  return (
    <label class="field">
      <span class="field-label">Why</span>
      <select class="input" name="reason">
        {Object.entries(REFUND_REASONS).map(([reason, words]) => (
          <option key={reason} value={reason}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

interface Acting {
  readonly order: Order;
  readonly action: OrderAction;
  readonly body: object;
  readonly key: string;
}

/** Cancelling twice is cancelling once by itself; the key does no harm there. */
function act(api: ApiClient, { order, action, body, key }: Acting): Promise<object> {
  const path = `/v1/orders/${encodeURIComponent(order.id)}/${action.path}`;
  return api.change<object>('POST', path, { body, idempotencyKey: key });
}
