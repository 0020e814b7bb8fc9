import { topicMatches } from '@holdfast/shared/lib/topic-filter.ts';
import type { Aedes } from 'aedes';
import type { SessionPersistence } from './persistence/session-persistence.ts';

/** Who at the site gets a topic's messages: subscribers, and sessions whose client is away. */
export class Audience {
  readonly #persistence: Pick<SessionPersistence, 'hasSubscriber' | 'subscriptionChanges'>;
  /** How many subscribers each filter has. */
  readonly #filters = new Map<string, number>();
  #changes = 0;

  /** Sees each subscription of a connected client come and go from now on. */
  constructor(aedes: Aedes, persistence: SessionPersistence) {
    this.#persistence = persistence;
    const subscribe = aedes.subscribe.bind(aedes);
    const unsubscribe = aedes.unsubscribe.bind(aedes);
    aedes.subscribe = (filter, ...rest) => {
      this.#count(filter, 1);
      subscribe(filter, ...rest);
    };
    aedes.unsubscribe = (filter, ...rest) => {
      this.#count(filter, -1);
      unsubscribe(filter, ...rest);
    };
  }

  /** Another number: what `wants` said before may no longer be so. */
  get version(): number {
    return this.#changes + this.#persistence.subscriptionChanges;
  }

  wants(topic: string): boolean {
    for (const filter of this.#filters.keys()) if (topicMatches(filter, topic)) return true;
    return this.#persistence.hasSubscriber(topic);
  }

  #count(filter: string, change: 1 | -1): void {
    const count = (this.#filters.get(filter) ?? 0) + change;
    if (count > 0) this.#filters.set(filter, count);
    else this.#filters.delete(filter);
    this.#changes += 1;
  }
}
