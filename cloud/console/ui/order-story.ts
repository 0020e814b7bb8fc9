import type { Tone } from '@holdfast/shared/ui/status-badge.tsx';
import { formatSpan } from '@holdfast/shared/ui/time-format.ts';
import type { StoryEntry } from './order-api.ts';
import { ORDER_STATE_WORDS, shortId } from './order-words.ts';

/** One line of an order's story, in words. */
export interface StoryLine {
  /** What kind of thing it is, as it stands beside the line. */
  readonly kind: string;
  readonly tone: Tone;
  readonly title: string;
  /** Reasons, ids, the policy's revision. */
  readonly details: readonly string[];
  /** Milliseconds that it took, where that is known. */
  readonly tookMs: number | undefined;
}

const CALLS: Readonly<Record<string, string>> = {
  reserve: 'Reserve the goods',
  authorise: 'Authorise the payment',
  confirm: 'Confirm the reservation',
  pick: 'Pick the goods',
  capture: 'Capture the payment',
  release: 'Release the goods',
  void: 'Void the authorisation',
  refund: 'Refund the payment',
};

const OUTCOME_TONES: Readonly<Record<string, Tone>> = {
  done: 'good',
  captured: 'good',
  declined: 'bad',
  refused: 'bad',
  short: 'bad',
  absent: 'warn',
  unknown: 'warn',
  retryable: 'warn',
};

export function storyLine(entry: StoryEntry): StoryLine {
  switch (entry.kind) {
    case 'decision':
      return {
        kind: 'Decision',
        tone: entry.allowed ? 'good' : 'bad',
        title: `${entry.allowed ? 'Allowed' : 'Refused'}: ${actionWords(entry.action)}`,
        details: [
          ...entry.reasons,
          `asked by ${shortId(entry.actor)}`,
          `policy ${entry.revision.slice(0, 12)}`,
        ],
        tookMs: undefined,
      };
    case 'call':
      return {
        kind: 'Call',
        tone: toneOf(entry.outcome),
        title: `${CALLS[entry.call] ?? entry.call}: ${entry.outcome}`,
        details: [...(entry.reason ? [entry.reason] : []), shortId(entry.id)],
        tookMs: spanMs(entry.startedAt, entry.endedAt),
      };
    case 'attempt':
      return {
        kind: 'Acquirer',
        tone: toneOf(entry.outcome),
        title: `${capital(entry.operation)}: ${isUnderWay(entry) ? 'under way' : entry.outcome}`,
        details: [...(entry.detail ? [entry.detail] : []), shortId(entry.id)],
        tookMs: isUnderWay(entry) ? undefined : spanMs(entry.at, entry.endedAt),
      };
    case 'transition':
      return {
        kind: 'State',
        tone: ORDER_STATE_WORDS[entry.to].tone,
        title: `${ORDER_STATE_WORDS[entry.from].label} → ${ORDER_STATE_WORDS[entry.to].label}`,
        details: entry.reason ? [entry.reason] : [],
        tookMs: undefined,
      };
    case 'event':
      return {
        kind: 'Event',
        tone: 'idle',
        title: entry.type,
        details: [`number ${entry.sequence} of this order`],
        tookMs: undefined,
      };
    case 'audit':
      return {
        kind: 'Audit',
        tone: entry.outcome === 'denied' ? 'bad' : 'idle',
        title: `${actionWords(entry.action)}: ${entry.outcome}`,
        details: [`by ${shortId(entry.actor)}`],
        tookMs: undefined,
      };
  }
}

/** From the first entry on: "+40 ms". */
export function offsetWords(at: string, first: string): string {
  return `+${formatSpan(spanMs(first, at))}`;
}

function isUnderWay({ outcome }: { readonly outcome: string }): boolean {
  return outcome === 'under_way';
}

function spanMs(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from));
}

/** 'order.ship' → 'ship order' */
function actionWords(action: string): string {
  const [what = '', verb] = action.split('.');
  return verb === undefined ? action : `${verb.replaceAll('_', ' ')} ${what}`;
}

function toneOf(outcome: string): Tone {
  return OUTCOME_TONES[outcome] ?? 'warn';
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
