import type { Tone } from '@holdfast/shared/ui/status-badge.tsx';
import type { Gateway, GatewayState } from './api.ts';

type Standing = Pick<Gateway, 'state' | 'reason' | 'revokedAt'>;

/** What a gateway's state is called, how it looks, and what it means to the person who sees it. */
const STATE_LABELS: Record<GatewayState, string> = {
  connected: 'Connected',
  lost: 'Lost',
  disconnected: 'Disconnected',
  fenced: 'Fenced',
};

const STATE_TONES: Record<GatewayState, Tone> = {
  connected: 'good',
  lost: 'bad',
  disconnected: 'bad',
  fenced: 'bad',
};

export function stateLabel({ state, revokedAt }: Standing): string {
  return revokedAt === null ? STATE_LABELS[state] : 'Revoked';
}

export function stateTone({ state, revokedAt }: Standing): Tone {
  return revokedAt === null ? STATE_TONES[state] : 'bad';
}

const KEPT = 'What it has accepted is on its own disk and follows when it is back.';

const DISCONNECTED_WORDS: Record<string, string> = {
  closed: `The gateway closed its connection, as when it is stopped. ${KEPT}`,
  lost: `The connection broke. ${KEPT}`,
  replaced: 'A newer connection of this gateway took over and has not reported yet.',
  draining: `The cloud was stopped and the gateway has not come back yet. ${KEPT}`,
};

const FENCED_WORDS: Record<string, string> = {
  turn: 'Two copies of this gateway spoke, as after a restored backup or a cloned disk.',
  position: 'This gateway forgot what it had already delivered, as after a restored backup.',
};

/** undefined for a gateway that is as it should be. */
export function trouble(gateway: Standing): string | undefined {
  const reason = gateway.reason ?? '';
  if (gateway.revokedAt !== null) {
    return (
      'It was revoked: nothing that it says counts any more. What it has accepted stays on its ' +
      'own disk, and follows when its machine is enrolled again.'
    );
  }
  switch (gateway.state) {
    case 'connected':
      return undefined;
    case 'lost':
      return `It is silent although its connection stands. ${KEPT}`;
    case 'disconnected':
      return DISCONNECTED_WORDS[reason] ?? `It is not connected. ${KEPT}`;
    case 'fenced':
      return `${FENCED_WORDS[reason] ?? FENCED_WORDS.turn} It waits for a person to choose.`;
  }
}

/** What changed between two looks, in words for a screen reader. */
export function stateChanges(
  before: readonly Gateway[],
  after: readonly Gateway[],
): readonly string[] {
  const labels = new Map(before.map((gateway) => [gateway.id, stateLabel(gateway)]));
  return after
    .filter((gateway) => labels.has(gateway.id) && labels.get(gateway.id) !== stateLabel(gateway))
    .map((gateway) => `Gateway ${gateway.id}: ${stateLabel(gateway).toLowerCase()}.`);
}
