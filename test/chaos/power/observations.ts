import type { Sent } from '../kill/load.ts';
import type { TraceStep } from './operations.ts';

/** What the outside had been told when the power failed. */
export interface Observations {
  readonly sent: readonly Sent[];
  readonly claim: string | undefined;
  readonly enrolled: boolean;
  /** The watcher's subscription was acknowledged. */
  readonly subscribed: boolean;
  /** The highest retained message that was acknowledged; 0 when there was none. */
  readonly retained: number;
  /** What the API had answered, by lane. */
  readonly held: Readonly<Record<string, number>>;
}

export function observed(steps: readonly TraceStep[]): Observations {
  const sent = new Map<string, Sent>();
  const told = {
    claim: undefined as string | undefined,
    enrolled: false,
    subscribed: false,
    retained: 0,
    held: {} as Record<string, number>,
  };
  for (const { mark } of steps) {
    switch (mark?.kind) {
      case 'sent': {
        const { device, id } = mark.message;
        const message = { ...mark.message, topic: device, acknowledged: false };
        sent.set(`${device}/${id}`, message);
        break;
      }
      case 'acknowledged':
        sent.get(`${mark.device}/${mark.id}`)!.acknowledged = true;
        break;
      case 'claimed':
        told.claim = mark.claim;
        break;
      case 'enrolled':
        told.enrolled = true;
        break;
      case 'subscribed':
        told.subscribed = true;
        break;
      case 'retained':
        told.retained = Math.max(told.retained, mark.value);
        break;
      case 'answered':
        Object.assign(told.held, mark.held);
        break;
    }
  }
  return { ...told, sent: [...sent.values()] };
}
