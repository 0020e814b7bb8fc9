import type { MovementKind } from '@holdfast/shared/contracts/events/inventory.ts';
import { useChange } from '@holdfast/shared/ui/use-change.ts';
import type { TargetedSubmitEvent } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { useConsole } from './console-context.ts';
import { Dialog } from './dialog.tsx';
import { MOVEMENT_WORDS, type MovementDraft, readMovement } from './movement.ts';
import { Refusal } from './refusal.tsx';
import type { StockLevel } from './stock-api.ts';

export interface MovementFormProps {
  readonly levels: readonly StockLevel[];
  /** The item at a site that it was opened for. */
  readonly level: StockLevel | undefined;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

const KINDS = Object.keys(MOVEMENT_WORDS) as readonly MovementKind[];

/** Books what happened in the warehouse. */
export function MovementForm({ levels, level, onClose, onDone }: MovementFormProps) {
  const { draft, set, change, wrong, submit } = useMovement({ levels, level, onClose, onDone });
  return (
    <Dialog title="Book a movement" onClose={onClose}>
      <form class="dialog-form" onSubmit={submit}>
        <label class="field">
          <span class="field-label">What happened</span>
          <select
            class="input"
            value={draft.kind}
            onChange={(event) => set({ kind: event.currentTarget.value as MovementKind })}
          >
            {KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {MOVEMENT_WORDS[kind]}
              </option>
            ))}
          </select>
        </label>
        <MovementFields draft={draft} levels={levels} onChange={set} />
        {wrong && (
          <p class="notice notice-bad" role="alert">
            The quantity must be a whole number.
          </p>
        )}
        <Refusal refusal={change.refusal} />
        <div class="actions dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" class="button button-main" disabled={change.busy}>
            {change.busy ? 'Booking…' : 'Book it'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface MovementFieldsProps {
  readonly draft: MovementDraft;
  readonly levels: readonly StockLevel[];
  readonly onChange: (part: Partial<MovementDraft>) => void;
}

function MovementFields({ draft, levels, onChange: set }: MovementFieldsProps) {
  return (
    <div class="form-fields">
      <NameField
        label="Site"
        value={draft.site}
        known={levels.map(({ site }) => site)}
        onText={(site) => set({ site })}
      />
      <NameField
        label="Item"
        value={draft.item}
        known={levels.map(({ item }) => item)}
        onText={(item) => set({ item })}
      />
      <label class="field">
        <span class="field-label">Quantity</span>
        <input
          class="input numeric"
          inputMode="numeric"
          required
          value={draft.quantity}
          onInput={(event) => set({ quantity: event.currentTarget.value })}
        />
      </label>
      {draft.kind === 'transfer' && (
        <NameField
          label="To the site"
          value={draft.toSite}
          known={levels.map(({ site }) => site)}
          onText={(toSite) => set({ toSite })}
        />
      )}
      <label class="field">
        <span class="field-label">Why (optional)</span>
        <input
          class="input"
          value={draft.reason}
          onInput={(event) => set({ reason: event.currentTarget.value })}
        />
      </label>
    </div>
  );
}

function useMovement({ levels, level, onClose, onDone }: MovementFormProps) {
  const { api } = useConsole();
  const change = useChange<object>();
  const [wrong, setWrong] = useState(false);
  // The ledger as it was on the screen when the counter began, not as it is by now.
  const seen = useRef(levels);
  const [draft, setDraft] = useState<MovementDraft>({
    site: level?.site ?? levels[0]?.site ?? '',
    item: level?.item ?? '',
    kind: 'receive',
    quantity: '',
    toSite: '',
    reason: '',
  });
  const set = (part: Partial<MovementDraft>): void =>
    setDraft((before) => ({ ...before, ...part }));
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const { site, item } = draft;
    const known = seen.current.find((each) => each.site === site && each.item === item);
    const body = readMovement(draft, known);
    setWrong(body === undefined);
    if (body === undefined) return;
    const done = await change.run(body, (idempotencyKey) =>
      api.change<object>('POST', '/v1/stock/movements', { body, idempotencyKey }),
    );
    if (!done) return;
    onDone();
    onClose();
  };
  return { draft, set, change, wrong, submit };
}

interface NameFieldProps {
  readonly label: string;
  readonly value: string;
  readonly known: readonly string[];
  readonly onText: (text: string) => void;
}

function NameField({ label, value, known, onText }: NameFieldProps) {
  const listId = `known-${label.toLowerCase().replaceAll(' ', '-')}`;
  return (
    <label class="field">
      <span class="field-label">{label}</span>
      <input
        class="input"
        required
        list={listId}
        value={value}
        onInput={(event) => onText(event.currentTarget.value)}
      />
      <datalist id={listId}>
        {[...new Set(known)].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}
