import { Readable } from 'node:stream';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Database } from '@holdfast/shared/runtime/sqlite.ts';
import { IncomingTable } from './incoming-table.sqlite.ts';
import { OutgoingTable, packetOf } from './outgoing-table.sqlite.ts';
import { RetainedTable } from './retained-table.sqlite.ts';
import { openSessionFile } from './session-file.sqlite.ts';
import type {
  ClientSubscription,
  MqttPacket,
  SessionBroker,
  SessionClient,
  SessionPersistence,
  Subscription,
} from './session-persistence.ts';
import { SessionTable } from './session-table.sqlite.ts';
import { TurnCommit } from './turn-commit.sqlite.ts';
import { WillTable } from './will-table.sqlite.ts';

export interface SqliteSessionsOptions {
  readonly path: string;
  readonly runtime: Runtime;
  /** A session ends when its client was away for so long, counted while the gateway runs. */
  readonly expiryHours: number;
}

const HOUR_MS = 3_600_000;

/** What `prepare` wrote of a packet that Aedes has yet to handle. */
interface Prepared {
  /** The queues' rows, by client. */
  readonly rows: Map<string, number>;
  readonly retained: boolean;
  /** Aedes has yet to ask whether the packet id is a repeat. */
  isNew: boolean;
}

/**
 * Opens the sessions' file; see `openSessionFile` for what becomes of a damaged one.
 */
export function openSqliteSessions(options: SqliteSessionsOptions): SessionPersistence {
  const { database } = openSessionFile(options.path, options.runtime);
  return new SqliteSessions(database, options);
}

class SqliteSessions implements SessionPersistence {
  readonly #database: Database;
  readonly #options: SqliteSessionsOptions;
  readonly #sessions: SessionTable;
  readonly #outgoing: OutgoingTable;
  readonly #retained: RetainedTable;
  readonly #incoming: IncomingTable;
  readonly #wills: WillTable;
  readonly #commit: TurnCommit;
  readonly #counts;
  /** By payload: the one object of a packet that Aedes hands on to each of its copies. */
  readonly #prepared = new WeakMap<object, Prepared>();
  /** Clients that connected since idle times were last added to, however shortly. */
  readonly #visitors = new Set<string>();
  #broker: SessionBroker = { id: '' };
  #expiry: Timer | undefined;
  #closed = false;

  constructor(database: Database, options: SqliteSessionsOptions) {
    this.#database = database;
    this.#options = options;
    this.#sessions = new SessionTable(database);
    this.#outgoing = new OutgoingTable(database, this.#sessions);
    this.#retained = new RetainedTable(database);
    this.#incoming = new IncomingTable(database);
    this.#wills = new WillTable(database);
    this.#commit = new TurnCommit({
      database,
      runtime: options.runtime,
      undone: () => {
        for (const table of [this.#sessions, this.#outgoing, this.#retained]) table.load();
      },
    });
    this.#counts = countersOf(options.runtime);
  }

  get broker(): SessionBroker {
    return this.#broker;
  }

  /** Aedes insists on an asynchronous function. */
  async setup(broker: SessionBroker): Promise<void> {
    this.#broker = broker;
    this.#scheduleExpiry();
    this.#counts.sessions.set(this.#sessions.count);
  }

  prepare(client: SessionClient | null, packet: MqttPacket): (() => Promise<void>) | undefined {
    const { topic = '', qos = 0, retain = false, messageId, payload } = packet;
    if (qos === 0 || typeof payload !== 'object') return undefined;
    const exchange = qos === 2 && client && messageId !== undefined ? { client, messageId } : null;
    if (!retain && !exchange && this.#sessions.match(topic).length === 0) return undefined;
    return async () => {
      if (exchange && !exchange.client.clean) this.#sessions.assertRoom(exchange.client.id);
      await this.#commit.durably(() => {
        if (exchange && !this.#noteExchange(exchange)) return;
        if (retain) this.#storeRetained(packet);
        const rows = this.#enqueue(this.#sessions.match(topic), { ...packet, brokerId: undefined });
        this.#prepared.set(payload, { rows, retained: retain, isNew: exchange !== null });
      });
    };
  }

  async storeRetained(packet: MqttPacket): Promise<void> {
    if (this.#preparedOf(packet)?.retained) return;
    await this.#commit.durably(() => this.#storeRetained(packet));
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter]);
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return this.#stream(() => flatten(filters.map((filter) => this.#retained.matching(filter))));
  }

  async addSubscriptions(client: SessionClient, given: readonly Subscription[]): Promise<void> {
    this.#sessions.assertRoom(client.id, given);
    await this.#commit.durably(() => this.#sessions.subscribe(client.id, given));
    this.#counts.sessions.set(this.#sessions.count);
  }

  removeSubscriptions(client: SessionClient, filters: readonly string[]): Promise<void> {
    return this.#commit.durably(() => this.#sessions.unsubscribe(client.id, filters));
  }

  async subscriptionsByClient({ id }: SessionClient): Promise<Subscription[]> {
    if (this.#sessions.get(id)) this.#visitors.add(id);
    return [...(this.#sessions.get(id)?.subscriptions.values() ?? [])];
  }

  get subscriptionChanges(): number {
    return this.#sessions.changes;
  }

  hasSubscriber(topic: string): boolean {
    return this.#sessions.match(topic).length > 0;
  }

  async subscriptionsByTopic(topic: string): Promise<ClientSubscription[]> {
    return this.#sessions.match(topic);
  }

  async cleanSubscriptions({ id }: SessionClient): Promise<void> {
    if (!this.#sessions.get(id)) return;
    await this.#commit.durably(() => this.#end(id));
    this.#counts.sessions.set(this.#sessions.count);
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    return this.#sessions.counts();
  }

  getClientList(filter: string): Readable {
    return this.#stream(() => this.#sessions.subscribersOf(filter));
  }

  outgoingEnqueue(subscription: { clientId: string }, packet: MqttPacket): Promise<void> {
    return this.outgoingEnqueueCombi([subscription], packet);
  }

  async outgoingEnqueueCombi(
    subscriptions: readonly { clientId: string }[],
    packet: MqttPacket,
  ): Promise<void> {
    const written = this.#preparedOf(packet)?.rows;
    const missing = subscriptions.filter(({ clientId }) => !written?.has(clientId));
    if (missing.length === 0) return;
    for (const { clientId } of missing) this.#sessions.assertRoom(clientId);
    await this.#commit.durably(() => this.#enqueue(missing, packet));
  }

  async outgoingUpdate({ id }: SessionClient, packet: MqttPacket): Promise<void> {
    const row = this.#rowOf(id, packet);
    // It was dropped from a full queue, or acknowledged meanwhile.
    if (!row) return;
    if (packet.cmd === 'pubrel') {
      // The subscriber forgets the packet id with the PUBREL, so we must not send it again then.
      if (row.cmd !== 'pubrel') await this.#commit.durably(() => this.#outgoing.received(id, row));
    } else if (row.message !== packet.messageId || row.counter !== packet.brokerCounter) {
      const sent = () => this.#outgoing.sent(row.id, packet);
      // A QoS 2 message that is sent again must have the same packet id, or it is another one.
      if (row.qos === 2) await this.#commit.durably(sent);
      else this.#commit.eventually(sent);
    }
  }

  async outgoingClearMessageId(
    { id }: SessionClient,
    packet: MqttPacket,
  ): Promise<MqttPacket | undefined> {
    if (!this.#sessions.get(id)?.queueCount) return undefined;
    const row = this.#rowOf(id, packet);
    if (!row) return undefined;
    this.#commit.eventually(() => this.#outgoing.remove(id, row));
    return packetOf(row);
  }

  outgoingStream({ id }: SessionClient): Readable {
    return this.#stream(() => this.#outgoing.stream(id));
  }

  async incomingStorePacket(client: SessionClient, packet: MqttPacket): Promise<void> {
    const prepared = this.#preparedOf(packet);
    if (prepared?.isNew) {
      prepared.isNew = false;
      return;
    }
    await this.#commit.durably(() => this.#incoming.store(client.id, packet));
  }

  async incomingGetPacket({ id }: SessionClient, packet: MqttPacket): Promise<MqttPacket> {
    const isNew = this.#preparedOf(packet)?.isNew ?? false;
    const found = isNew ? undefined : this.#incoming.get(id, packet.messageId);
    if (!found) throw new AppError('NOT_FOUND', 'there is no such packet');
    return found;
  }

  async incomingDelPacket(client: SessionClient, packet: MqttPacket): Promise<void> {
    await this.incomingGetPacket(client, { messageId: packet.messageId });
    // Before the PUBCOMP: the client may use the packet id again then.
    await this.#commit.durably(() => this.#incoming.remove(client.id, packet.messageId));
  }

  async cleanIncoming({ id }: SessionClient): Promise<void> {
    if (this.#incoming.has(id)) await this.#commit.durably(() => this.#incoming.clear(id));
  }

  async putWill({ id }: SessionClient, packet: MqttPacket): Promise<void> {
    packet.brokerId = this.#broker.id;
    packet.clientId = id;
    await this.#commit.durably(() => this.#wills.put(id, packet));
  }

  async getWill({ id }: SessionClient): Promise<MqttPacket | undefined> {
    return this.#wills.get(id);
  }

  async delWill({ id }: SessionClient): Promise<MqttPacket | undefined> {
    const will = this.#wills.get(id);
    if (will) await this.#commit.durably(() => this.#wills.remove(id));
    return will;
  }

  streamWill(brokers: Readonly<Record<string, unknown>> = {}): Readable {
    return this.#stream(() => this.#wills.ofOthers(brokers));
  }

  degraded(): string | undefined {
    return this.#commit.failure?.message;
  }

  async destroy(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#expiry?.cancel();
    this.#commit.close();
    this.#database.close();
  }

  #noteExchange({ client, messageId }: { client: SessionClient; messageId: number }): boolean {
    if (!client.clean) this.#sessions.ensure(client.id);
    return this.#incoming.note(client.id, messageId);
  }

  #storeRetained(packet: MqttPacket): void {
    if (this.#retained.store(packet)) return;
    this.#counts.notRetained.add(1);
    this.#options.runtime.log.debug({ topic: packet.topic }, 'not retained: no room');
  }

  #enqueue(
    subscriptions: readonly { clientId: string }[],
    packet: MqttPacket,
  ): Map<string, number> {
    const rows = new Map<string, number>();
    for (const clientId of new Set(subscriptions.map((each) => each.clientId))) {
      const { id, dropped } = this.#outgoing.enqueue(clientId, packet);
      if (dropped > 0) this.#counts.dropped.add(dropped);
      if (id !== undefined) rows.set(clientId, id);
    }
    return rows;
  }

  #rowOf(clientId: string, packet: MqttPacket) {
    const id = this.#preparedOf(packet)?.rows.get(clientId);
    return id === undefined
      ? this.#outgoing.find(clientId, packet)
      : this.#outgoing.get(clientId, id);
  }

  #preparedOf({ payload }: MqttPacket): Prepared | undefined {
    return typeof payload === 'object' ? this.#prepared.get(payload) : undefined;
  }

  #end(clientId: string): void {
    this.#outgoing.clear(clientId);
    this.#incoming.clear(clientId);
    this.#sessions.end(clientId);
  }

  #scheduleExpiry(): void {
    const { runtime } = this.#options;
    this.#expiry = runtime.clock.after(HOUR_MS, () => {
      this.#expire().catch((error: unknown) => {
        runtime.log.warn({ err: error }, 'sessions were not looked through for expired ones');
      });
      this.#scheduleExpiry();
    });
  }

  /** By hours of running, not by the wall clock: one that jumps ten years must end no session. */
  async #expire(): Promise<void> {
    const wasHere = (clientId: string) =>
      this.#visitors.has(clientId) || this.#broker.clients?.[clientId] !== undefined;
    const ended = await this.#commit.durably(() => {
      this.#sessions.age(HOUR_MS, wasHere);
      this.#visitors.clear();
      const idle = this.#sessions.idleFor(this.#options.expiryHours * HOUR_MS);
      for (const clientId of idle) this.#end(clientId);
      return idle.length;
    });
    if (ended > 0) this.#options.runtime.log.info({ sessions: ended }, 'sessions expired');
    this.#counts.sessions.set(this.#sessions.count);
  }

  /** A stream that fails would end the process: Aedes listens to no error of it. */
  #stream<T>(open: () => Iterable<T>): Readable {
    const guarded = function* (this: SqliteSessions): Generator<T> {
      if (this.#closed || this.#commit.failure) return;
      try {
        yield* open();
      } catch (cause) {
        if (!this.#closed) this.#commit.fail(cause);
      }
    };
    return Readable.from(guarded.call(this));
  }
}

function* flatten<T>(iterables: readonly Iterable<T>[]): Generator<T> {
  for (const each of iterables) yield* each;
}

function countersOf({ metrics }: Runtime) {
  return {
    sessions: metrics.gauge('holdfast_broker_sessions', 'Persistent sessions, connected or not.'),
    dropped: metrics.counter(
      'holdfast_broker_queue_dropped_total',
      'Messages that full queues of clients dropped. The cloud gets them all the same.',
    ),
    notRetained: metrics.counter(
      'holdfast_broker_not_retained_total',
      'Messages that were forwarded and not retained: there are too many.',
    ),
  };
}
