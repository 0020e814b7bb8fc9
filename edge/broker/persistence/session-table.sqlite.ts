import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Database } from '@holdfast/shared/runtime/sqlite.ts';
import {
  type ClientSubscription,
  SESSIONS_MAX,
  SUBSCRIPTIONS_PER_SESSION_MAX,
  type Subscription,
} from './session-persistence.ts';
import { SubscriptionIndex } from './subscription-index.ts';

interface Session {
  readonly subscriptions: Map<string, Subscription>;
  /** How much of its queue there is. */
  queueCount: number;
  queueBytes: number;
}

/** The persistent sessions and their subscriptions: on disk, and all of them in memory. */
export class SessionTable {
  readonly #statements;
  readonly #sessions = new Map<string, Session>();
  #index = new SubscriptionIndex();
  #changes = 0;

  constructor(database: Database) {
    this.#statements = prepare(database);
    this.load();
  }

  /** Reads everything anew. */
  load(): void {
    this.#sessions.clear();
    this.#index = new SubscriptionIndex();
    this.#changes += 1;
    const { clients, subscriptions, queues } = this.#statements;
    for (const client of clients.all() as string[]) this.#sessions.set(client, emptySession());
    for (const { client, topic, qos, options } of subscriptions.all() as SubscriptionRow[])
      this.#keep(client, { topic, qos, ...JSON.parse(options) });
    for (const { client, count, bytes } of queues.all() as QueueRow[]) {
      const session = this.#sessions.get(client) ?? emptySession();
      this.#sessions.set(client, Object.assign(session, { queueCount: count, queueBytes: bytes }));
    }
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Grows with each change to what `match` finds. */
  get changes(): number {
    return this.#changes;
  }

  get(clientId: string): Session | undefined {
    return this.#sessions.get(clientId);
  }

  clientIds(): IterableIterator<string> {
    return this.#sessions.keys();
  }

  counts(): { subsCount: number; clientsCount: number } {
    let clientsCount = 0;
    for (const { subscriptions } of this.#sessions.values())
      if (subscriptions.size > 0) clientsCount += 1;
    return { subsCount: this.#index.count, clientsCount };
  }

  match(topic: string): ClientSubscription[] {
    return this.#index.match(topic);
  }

  *subscribersOf(filter: string): Generator<string> {
    for (const [clientId, { subscriptions }] of this.#sessions)
      if (subscriptions.has(filter)) yield clientId;
  }

  /** Throws UNAVAILABLE at a limit. */
  assertRoom(clientId: string, subscriptions: readonly Subscription[] = []): void {
    const session = this.#sessions.get(clientId);
    if (!session && this.#sessions.size >= SESSIONS_MAX)
      throw new AppError('UNAVAILABLE', `there are ${SESSIONS_MAX} persistent sessions`, {
        hint: 'Let devices that only publish connect with a clean session.',
      });
    const added = subscriptions.filter(({ topic }) => !session?.subscriptions.has(topic));
    if ((session?.subscriptions.size ?? 0) + added.length > SUBSCRIPTIONS_PER_SESSION_MAX)
      throw new AppError(
        'UNAVAILABLE',
        `a session may have ${SUBSCRIPTIONS_PER_SESSION_MAX} subscriptions`,
      );
  }

  /** The session, made when there was none. */
  ensure(clientId: string): Session {
    const known = this.#sessions.get(clientId);
    if (known) return known;
    this.#statements.insertSession.run(clientId);
    const session = emptySession();
    this.#sessions.set(clientId, session);
    return session;
  }

  /** Aedes calls with all filters of a SUBSCRIBE for each of them: only the first call writes. */
  subscribe(clientId: string, subscriptions: readonly Subscription[]): void {
    const session = this.ensure(clientId);
    for (const subscription of subscriptions) {
      const { topic, qos, ...rest } = kept(subscription);
      const options = JSON.stringify(rest);
      const before = session.subscriptions.get(topic);
      if (before && before.qos === qos && JSON.stringify(optionsOf(before)) === options) continue;
      this.#statements.insertSubscription.run(clientId, topic, qos, options);
      this.#keep(clientId, { topic, qos, ...rest });
    }
  }

  unsubscribe(clientId: string, filters: readonly string[]): void {
    const session = this.#sessions.get(clientId);
    for (const filter of filters) {
      if (!session?.subscriptions.delete(filter)) continue;
      this.#statements.deleteSubscription.run(clientId, filter);
      this.#index.delete(clientId, filter);
      this.#changes += 1;
    }
  }

  end(clientId: string): void {
    const session = this.#sessions.get(clientId);
    this.unsubscribe(clientId, [...(session?.subscriptions.keys() ?? [])]);
    this.#statements.deleteSession.run(clientId);
    this.#sessions.delete(clientId);
  }

  /** Adds to the idle time of those that were not here. */
  age(elapsedMs: number, wasHere: (clientId: string) => boolean): void {
    this.#statements.age.run(elapsedMs);
    for (const clientId of this.#sessions.keys())
      if (wasHere(clientId)) this.#statements.awake.run(clientId);
  }

  idleFor(idleMs: number): string[] {
    return this.#statements.idle.all(idleMs) as string[];
  }

  #keep(clientId: string, subscription: Subscription): void {
    const session = this.#sessions.get(clientId) ?? emptySession();
    this.#sessions.set(clientId, session);
    session.subscriptions.set(subscription.topic, subscription);
    if (subscription.qos > 0) this.#index.set(clientId, subscription);
    else this.#index.delete(clientId, subscription.topic);
    this.#changes += 1;
  }
}

function prepare(database: Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    clients: sql('select client from sessions').pluck(),
    subscriptions: sql('select client, topic, qos, options from subscriptions'),
    queues: sql(
      'select client, count(*) as count, sum(bytes) as bytes from outgoing group by client',
    ),
    insertSession: sql('insert or ignore into sessions (client) values (?)'),
    deleteSession: sql('delete from sessions where client = ?'),
    insertSubscription: sql('insert or replace into subscriptions values (?, ?, ?, ?)'),
    deleteSubscription: sql('delete from subscriptions where client = ? and topic = ?'),
    age: sql('update sessions set idle_ms = idle_ms + ?'),
    awake: sql('update sessions set idle_ms = 0 where client = ?'),
    idle: sql('select client from sessions where idle_ms > ?').pluck(),
  };
}

interface SubscriptionRow {
  readonly client: string;
  readonly topic: string;
  readonly qos: number;
  readonly options: string;
}

interface QueueRow {
  readonly client: string;
  readonly count: number;
  readonly bytes: number;
}

function emptySession(): Session {
  return { subscriptions: new Map(), queueCount: 0, queueBytes: 0 };
}

function kept(subscription: Subscription): Subscription {
  const { topic, qos } = subscription;
  return { topic, qos, ...optionsOf(subscription) };
}

function optionsOf({ rh, rap, nl, subscriptionIdentifier }: Subscription) {
  const options = { rh, rap, nl } as Omit<Subscription, 'topic' | 'qos'>;
  return subscriptionIdentifier === undefined ? options : { ...options, subscriptionIdentifier };
}
