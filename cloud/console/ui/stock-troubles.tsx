import { formatCount, formatPlural } from '@holdfast/shared/ui/number-format.ts';
import { RelativeTime } from '@holdfast/shared/ui/relative-time.tsx';
import { useChange } from '@holdfast/shared/ui/use-change.ts';
import { usePoll } from '@holdfast/shared/ui/use-poll.ts';
import type { TargetedSubmitEvent } from 'preact';
import { useState } from 'preact/hooks';
import type { Page } from './api.ts';
import { useConsole } from './console-context.ts';
import { LoadFailure, sentence } from './data-state.tsx';
import { Dialog } from './dialog.tsx';
import { isOneOf, usePerson } from './principal.ts';
import { Refusal } from './refusal.tsx';
import type { Discrepancy, ParkedMessage } from './stock-api.ts';

const SHOWN_MAX = 50;
const PAUSE_MS = 5_000;
const SHOWN_CHARS_MAX = 300;

/** What does not add up: shown until a person has looked. */
export function Discrepancies() {
  const { api } = useConsole();
  const mayResolve = isOneOf(usePerson(), ['manager', 'administrator']);
  const path = `/v1/stock/discrepancies?state=open&limit=${SHOWN_MAX}`;
  const { data, failure, again } = usePoll<Page<Discrepancy>>(api, path, PAUSE_MS);
  const [asked, setAsked] = useState<Discrepancy>();
  return (
    <section aria-labelledby="discrepancies-title" class="section" data-testid="discrepancies">
      <h2 id="discrepancies-title">Discrepancies</h2>
      {failure !== undefined && <LoadFailure what="The discrepancies" failure={failure} />}
      {data?.items.length === 0 && <p class="quiet">Everything adds up.</p>}
      <ul class="troubles">
        {data?.items.map((each) => (
          <li key={each.id} class="trouble card">
            <p>
              <strong class="mono">{each.item}</strong> at {each.site}:{' '}
              <strong class="numeric">{differenceWords(each.difference)}</strong>
            </p>
            <p class="quiet small">
              {sentence(each.detail)} <RelativeTime atMs={Date.parse(each.openedAt)} />
            </p>
            {mayResolve && (
              <button type="button" class="button button-small" onClick={() => setAsked(each)}>
                Resolve
              </button>
            )}
          </li>
        ))}
      </ul>
      {data && data.next_cursor !== null && <p class="quiet small">There are more.</p>}
      {asked && (
        <ResolveDialog discrepancy={asked} onClose={() => setAsked(undefined)} onDone={again} />
      )}
    </section>
  );
}

function differenceWords(difference: number): string {
  if (difference === 0) return 'how much is not known';
  return difference < 0
    ? `${formatCount(-difference)} missing`
    : `${formatCount(difference)} too much`;
}

interface ResolveDialogProps {
  readonly discrepancy: Discrepancy;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

function ResolveDialog({ discrepancy, onClose, onDone }: ResolveDialogProps) {
  const { api } = useConsole();
  const change = useChange<true>();
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const body = { note: String(new FormData(event.currentTarget).get('note')) };
    const path = `/v1/stock/discrepancies/${encodeURIComponent(discrepancy.id)}/resolve`;
    const done = await change.run(body, async () => {
      await api.change('POST', path, { body });
      return true;
    });
    onDone();
    if (done) onClose();
  };
  return (
    <Dialog title="Resolve this discrepancy?" onClose={onClose}>
      <form class="dialog-form" onSubmit={submit}>
        <p>
          Say what you found about {discrepancy.item} at {discrepancy.site}. What puts the stock
          right is a movement of its own.
        </p>
        <label class="field">
          <span class="field-label">What you found</span>
          <textarea class="input" name="note" rows={3} maxLength={500} required />
        </label>
        <Refusal refusal={change.refusal} />
        <div class="actions dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Leave it open
          </button>
          <button type="submit" class="button button-main" disabled={change.busy}>
            Resolve
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** What gateways sent and nobody could read; for those who may see it. */
export function ParkedMessages() {
  const { api } = useConsole();
  const maySee = isOneOf(usePerson(), ['manager', 'administrator']);
  const path = maySee ? `/v1/stock/parked?limit=${SHOWN_MAX}` : undefined;
  const { data, failure } = usePoll<Page<ParkedMessage>>(api, path, PAUSE_MS);
  if (!maySee) return null;
  return (
    <section aria-labelledby="parked-title" class="section" data-testid="parked">
      <h2 id="parked-title">Parked messages</h2>
      {failure !== undefined && <LoadFailure what="The parked messages" failure={failure} />}
      {data?.items.length === 0 && <p class="quiet">Every message could be read.</p>}
      {data && data.items.length > 0 && (
        <p class="quiet small">
          {formatPlural(data.items.length, 'message', 'messages')} of gateways could not be read.
          Each freezes its item until its discrepancy is resolved.
        </p>
      )}
      <ul class="troubles">
        {data?.items.map((each) => (
          <li key={each.id} class="trouble card">
            <p>
              <strong class="mono">{each.item ?? 'no item'}</strong> at {each.site ?? 'no site'}
              {`: ${sentence(each.detail || each.reason)}`}
            </p>
            <p class="quiet small numeric">
              {each.gatewayId ?? 'no gateway'}
              {each.sequence !== null && `, number ${formatCount(each.sequence)}`},{' '}
              <RelativeTime atMs={Date.parse(each.parkedAt)} />
            </p>
            <pre class="parked-bytes mono small">{shownBytes(each.base64)}</pre>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What came, as text as far as it is one. */
function shownBytes(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes).slice(0, SHOWN_CHARS_MAX);
}
