import { filterCovers, topicMatches } from '@holdfast/shared/lib/topic-filter.ts';

/** Topic filters; `%c` or `{clientId}` in them stands for the session's client id. */
export interface GrantTable {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** Decisions per session that are remembered; devices use few topics. */
const DECISIONS_CACHED_MAX = 256;
const PLACE_OF_CLIENT_ID = /%c|\{clientId\}/g;
/** A client id that could widen a filter fills no place. */
const PLAIN_CLIENT_ID = /^[^$+#/\0][^+#/\0]*$/;

/** What one session may do. Built once at CONNECT; no policy runs per message. */
export class Grants {
  readonly #publish: readonly string[];
  readonly #subscribe: readonly string[];
  readonly #decided = new Map<string, boolean>();

  constructor(table: GrantTable, clientId: string) {
    this.#publish = filledIn(table.publish, clientId);
    this.#subscribe = filledIn(table.subscribe, clientId);
  }

  mayPublish(topic: string): boolean {
    const decided = this.#decided.get(topic);
    if (decided !== undefined) return decided;
    const allowed = this.#publish.some((filter) => topicMatches(filter, topic));
    if (this.#decided.size >= DECISIONS_CACHED_MAX) this.#decided.clear();
    this.#decided.set(topic, allowed);
    return allowed;
  }

  maySubscribe(filter: string): boolean {
    return this.#subscribe.some((granted) => filterCovers(granted, filter));
  }

  /** Asked at each delivery: a stored subscription may be older than the grants. */
  mayReceive(topic: string): boolean {
    return this.#subscribe.some((filter) => topicMatches(filter, topic));
  }
}

/** The filter as it would be for some client; for checking a configuration. */
export function sampleFilter(filter: string): string {
  return filter.replace(PLACE_OF_CLIENT_ID, 'c');
}

function filledIn(filters: readonly string[], clientId: string): readonly string[] {
  return filters.flatMap((filter) => {
    if (filter.search(PLACE_OF_CLIENT_ID) < 0) return [filter];
    if (!PLAIN_CLIENT_ID.test(clientId)) return [];
    return [filter.replace(PLACE_OF_CLIENT_ID, () => clientId)];
  });
}
