import type { Readable } from 'node:stream';

/**
 * What Aedes keeps about its clients, on disk: retained messages, persistent sessions with their
 * subscriptions, queues of QoS 1 and 2 in both directions, and wills. It is called by Aedes as
 * the suite of `aedes-persistence` has it; beyond that suite:
 *
 * - A promise MUST resolve only after what it stands for is on disk (I1), with two exceptions whose
 *   loss MQTT repairs by sending again: the packet id of a QoS 1 delivery, and the removal of what
 *   a subscriber has acknowledged.
 * - `prepare` MUST put on disk, before the PUBACK or PUBREC, what Aedes would write after it.
 * - Operations of one event-loop turn MUST share one sync.
 * - A client's queue MUST NOT be held in memory; subscriptions MAY.
 * - At a limit: a new session or subscription is refused; a new retained topic is forwarded and not
 *   retained; of a full queue the oldest message that was not yet sent is dropped. Each is counted.
 * - After a failed sync everything rejects with UNAVAILABLE; after a full disk, only what did not
 *   fit.
 */
export interface SessionPersistence {
  setup(broker: SessionBroker): Promise<void>;
  /**
   * Before a PUBLISH of QoS 1 or 2 is acknowledged. Undefined when nothing of it concerns a
   * session; else the work, to be done once the message is stored. A repeat of a QoS 2 message
   * changes nothing.
   */
  prepare(client: SessionClient | null, packet: MqttPacket): (() => Promise<void>) | undefined;

  /** An empty payload removes the topic's message. */
  storeRetained(packet: MqttPacket): Promise<void>;
  createRetainedStream(filter: string): Readable;
  createRetainedStreamCombi(filters: readonly string[]): Readable;

  addSubscriptions(client: SessionClient, subscriptions: readonly Subscription[]): Promise<void>;
  removeSubscriptions(client: SessionClient, filters: readonly string[]): Promise<void>;
  subscriptionsByClient(client: SessionClient): Promise<Subscription[]>;
  /** Whether `subscriptionsByTopic` would find one. */
  hasSubscriber(topic: string): boolean;
  /** Grows whenever `hasSubscriber` may answer otherwise than before. */
  readonly subscriptionChanges: number;
  /** Those of QoS 1 and 2. */
  subscriptionsByTopic(topic: string): Promise<ClientSubscription[]>;
  /** Ends the session, with its queue. */
  cleanSubscriptions(client: SessionClient): Promise<void>;
  countOffline(): Promise<{ subsCount: number; clientsCount: number }>;
  getClientList(filter: string): Readable;

  outgoingEnqueue(subscription: { clientId: string }, packet: MqttPacket): Promise<void>;
  /** Once for each client, however many of its subscriptions match. */
  outgoingEnqueueCombi(
    subscriptions: readonly { clientId: string }[],
    packet: MqttPacket,
  ): Promise<void>;
  /** Before a message leaves with a packet id, or as a PUBREL. */
  outgoingUpdate(client: SessionClient, packet: MqttPacket): Promise<void>;
  outgoingClearMessageId(
    client: SessionClient,
    packet: MqttPacket,
  ): Promise<MqttPacket | undefined>;
  outgoingStream(client: SessionClient): Readable;

  incomingStorePacket(client: SessionClient, packet: MqttPacket): Promise<void>;
  /** Rejects with NOT_FOUND. */
  incomingGetPacket(client: SessionClient, packet: MqttPacket): Promise<MqttPacket>;
  /** Rejects with NOT_FOUND. */
  incomingDelPacket(client: SessionClient, packet: MqttPacket): Promise<void>;
  cleanIncoming(client: SessionClient): Promise<void>;

  putWill(client: SessionClient, packet: MqttPacket): Promise<void>;
  getWill(client: SessionClient): Promise<MqttPacket | undefined>;
  delWill(client: SessionClient): Promise<MqttPacket | undefined>;
  /** Wills of brokers that are not among the given ones. */
  streamWill(brokers?: Readonly<Record<string, unknown>>): Readable;

  /** Why it is not as it should be; undefined when all is well. */
  degraded(): string | undefined;
  destroy(): Promise<void>;
}

/** What is needed of Aedes. */
export interface SessionBroker {
  readonly id: string;
  readonly clients?: Readonly<Record<string, unknown>>;
}

export interface SessionClient {
  readonly id: string;
  /** True: its session ends with the connection. */
  readonly clean?: boolean;
}

/** A packet as Aedes hands it over; only what is kept is named. */
export interface MqttPacket {
  cmd?: string;
  brokerId?: string;
  brokerCounter?: number;
  clientId?: string;
  topic?: string;
  payload?: Buffer | string;
  qos?: number;
  retain?: boolean;
  dup?: boolean;
  messageId?: number | undefined;
}

/** The options of MQTT 5 are kept for the day when it is spoken. */
export interface Subscription {
  readonly topic: string;
  readonly qos: number;
  readonly rh?: number;
  readonly rap?: boolean;
  readonly nl?: boolean;
  readonly subscriptionIdentifier?: number;
}

export interface ClientSubscription extends Subscription {
  readonly clientId: string;
}

/** Persistent sessions, connected or not. */
export const SESSIONS_MAX = 20_000;
export const SUBSCRIPTIONS_PER_SESSION_MAX = 1_000;
/** Messages that wait for one client. */
export const QUEUE_COUNT_MAX = 1_000;
export const QUEUE_BYTES_MAX = 8 * 1024 * 1024;
/** Of all clients together. */
export const QUEUES_BYTES_MAX = 256 * 1024 * 1024;
export const RETAINED_COUNT_MAX = 20_000;
export const RETAINED_BYTES_MAX = 64 * 1024 * 1024;
