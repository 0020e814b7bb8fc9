import type { ClientSubscription, Subscription } from './session-persistence.ts';

interface Level {
  readonly next: Map<string, Level>;
  /** Of the filters that end here. */
  readonly clients: Map<string, ClientSubscription>;
}

const DOLLAR = '$';

/** Finds the subscriptions that match a topic, by its levels (MQTT 3.1.1 §4.7). */
export class SubscriptionIndex {
  readonly #root: Level = level();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  set(clientId: string, { topic, qos, rh, rap, nl }: Subscription): void {
    let at = this.#root;
    for (const word of topic.split('/')) {
      let next = at.next.get(word);
      if (!next) {
        next = level();
        at.next.set(word, next);
      }
      at = next;
    }
    if (!at.clients.has(clientId)) this.#count += 1;
    at.clients.set(clientId, { clientId, topic, qos, rh, rap, nl } as ClientSubscription);
  }

  delete(clientId: string, filter: string): void {
    const path: { from: Level; word: string }[] = [];
    let at = this.#root;
    for (const word of filter.split('/')) {
      const next = at.next.get(word);
      if (!next) return;
      path.push({ from: at, word });
      at = next;
    }
    if (!at.clients.delete(clientId)) return;
    this.#count -= 1;
    // Filters come and go for years: an empty level must not stay behind.
    for (const { from, word } of path.toReversed()) {
      const { next, clients } = from.next.get(word)!;
      if (next.size > 0 || clients.size > 0) return;
      from.next.delete(word);
    }
  }

  match(topic: string): ClientSubscription[] {
    const found: ClientSubscription[] = [];
    if (this.#count > 0) collect(this.#root, topic.split('/'), { at: 0, found });
    return found;
  }
}

function level(): Level {
  return { next: new Map(), clients: new Map() };
}

function collect(
  { next, clients }: Level,
  words: readonly string[],
  { at, found }: { at: number; found: ClientSubscription[] },
): void {
  // A leading wildcard never matches a `$` topic [MQTT-4.7.2-1].
  const wild = at > 0 || !words[0]!.startsWith(DOLLAR);
  // `sport/#` matches `sport`, too, so that it is looked for behind the last word as well.
  const rest = wild ? next.get('#') : undefined;
  if (rest) found.push(...rest.clients.values());
  if (at === words.length) {
    found.push(...clients.values());
    return;
  }
  const exact = next.get(words[at]!);
  if (exact) collect(exact, words, { at: at + 1, found });
  const single = wild ? next.get('+') : undefined;
  if (single) collect(single, words, { at: at + 1, found });
}
