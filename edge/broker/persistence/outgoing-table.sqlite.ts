import type { Database } from '@holdfast/shared/runtime/sqlite.ts';
import {
  type MqttPacket,
  QUEUE_BYTES_MAX,
  QUEUE_COUNT_MAX,
  QUEUES_BYTES_MAX,
} from './session-persistence.ts';
import type { SessionTable } from './session-table.sqlite.ts';

/** Rows whose ids are read before their messages are. */
const PAGE = 64;
/** Stands for the broker of a message that none has delivered yet; the counter is the row's id. */
const QUEUE = 'queue';
const ROW_BYTES = 64;

export interface OutgoingRow {
  readonly id: number;
  readonly cmd: string;
  readonly broker: string | null;
  readonly counter: number | null;
  readonly message: number | null;
  readonly topic: string | null;
  readonly payload: Buffer | string | null;
  readonly qos: number;
  readonly retain: number;
  readonly bytes: number;
}

/** The messages that wait for clients, and those that wait for their acknowledgement. */
export class OutgoingTable {
  readonly #statements;
  readonly #sessions: SessionTable;
  #bytes = 0;
  #lastId = 0;

  constructor(database: Database, sessions: SessionTable) {
    this.#statements = prepare(database);
    this.#sessions = sessions;
    this.load();
  }

  load(): void {
    const { bytes, last } = this.#statements.totals.get() as { bytes: number; last: number };
    this.#bytes = bytes;
    // Never back within a process: a number that is still held would name another message.
    this.#lastId = Math.max(this.#lastId, last);
  }

  /**
   * The row's id and how many messages were dropped for it; without an id it was itself dropped.
   */
  enqueue(clientId: string, packet: MqttPacket): { id: number | undefined; dropped: number } {
    const { topic = '', payload = '', qos = 0, retain, brokerId, brokerCounter } = packet;
    const session = this.#sessions.ensure(clientId);
    const bytes = ROW_BYTES + topic.length + payload.length;
    let dropped = 0;
    while (
      session.queueCount >= QUEUE_COUNT_MAX ||
      session.queueBytes + bytes > QUEUE_BYTES_MAX ||
      this.#bytes + bytes > QUEUES_BYTES_MAX
    ) {
      dropped += 1;
      if (!this.#dropOldest(clientId)) return { id: undefined, dropped };
    }
    const id = ++this.#lastId;
    const broker = brokerId ?? null;
    const counter = brokerId === undefined ? null : (brokerCounter ?? null);
    const flags = [qos, retain ? 1 : 0];
    this.#statements.insert.run(id, clientId, broker, counter, topic, payload, ...flags, bytes);
    this.#count(clientId, 1, bytes);
    return { id, dropped };
  }

  /** The message that the broker's packet is a delivery of. */
  find(clientId: string, { brokerId, brokerCounter, messageId, cmd }: MqttPacket) {
    const { get, ofDelivery, ofMessage } = this.#statements;
    if (cmd === 'publish' && brokerId === QUEUE)
      return get.get(brokerCounter, clientId) as OutgoingRow | undefined;
    if (cmd === 'publish' && brokerId && brokerCounter)
      return ofDelivery.get(clientId, brokerId, brokerCounter) as OutgoingRow | undefined;
    if (messageId === undefined) return undefined;
    return ofMessage.get(clientId, messageId) as OutgoingRow | undefined;
  }

  get(clientId: string, id: number): OutgoingRow | undefined {
    return this.#statements.get.get(id, clientId) as OutgoingRow | undefined;
  }

  sent(id: number, { brokerId, brokerCounter, messageId }: MqttPacket): void {
    this.#statements.sent.run(brokerId ?? null, brokerCounter ?? null, messageId ?? null, id);
  }

  /** The subscriber has it; what remains is to end the exchange. */
  received(clientId: string, { id, bytes }: OutgoingRow): void {
    this.#statements.received.run(ROW_BYTES, id);
    this.#count(clientId, 0, ROW_BYTES - bytes);
  }

  remove(clientId: string, { id, bytes }: OutgoingRow): void {
    this.#statements.remove.run(id);
    this.#count(clientId, -1, -bytes);
  }

  clear(clientId: string): void {
    const session = this.#sessions.get(clientId);
    if (!session || session.queueCount === 0) return;
    this.#statements.clear.run(clientId);
    this.#count(clientId, -session.queueCount, -session.queueBytes);
  }

  /** What waits now, in order; nothing that comes meanwhile. */
  *stream(clientId: string): Generator<MqttPacket> {
    const last = this.#lastId;
    let from = 0;
    for (;;) {
      const ids = this.#statements.page.all(clientId, from, last, PAGE) as number[];
      for (const id of ids) {
        const row = this.get(clientId, id);
        if (row) yield packetOf(row);
      }
      if (ids.length < PAGE) return;
      from = ids.at(-1)!;
    }
  }

  /** What was sent is the subscriber's already, or may be: it stays until it is acknowledged. */
  #dropOldest(clientId: string): boolean {
    const oldest = this.#statements.unsent.get(clientId) as OutgoingRow | undefined;
    if (oldest) this.remove(clientId, oldest);
    return oldest !== undefined;
  }

  #count(clientId: string, count: number, bytes: number): void {
    const session = this.#sessions.get(clientId);
    this.#bytes += bytes;
    if (!session) return;
    session.queueCount += count;
    session.queueBytes += bytes;
  }
}

export function packetOf(row: OutgoingRow): MqttPacket {
  const { cmd, message, id, qos, retain } = row;
  const messageId = message ?? undefined;
  if (cmd === 'pubrel') return { cmd, messageId };
  return {
    cmd,
    brokerId: row.broker ?? QUEUE,
    brokerCounter: row.broker === null ? id : (row.counter ?? 0),
    topic: row.topic ?? '',
    payload: row.payload ?? Buffer.alloc(0),
    qos,
    retain: retain === 1,
    dup: false,
    messageId,
  };
}

function prepare(database: Database) {
  const sql = (text: string) => database.prepare(text);
  const byMessage = 'select * from outgoing indexed by outgoing_by_message where client = ?';
  return {
    totals: sql(
      'select coalesce(sum(bytes), 0) as bytes, coalesce(max(id), 0) as last from outgoing',
    ),
    insert: sql(
      `insert into outgoing (id, client, cmd, broker, counter, topic, payload, qos, retain, bytes)
       values (?, ?, 'publish', ?, ?, ?, ?, ?, ?, ?)`,
    ),
    get: sql('select * from outgoing where id = ? and client = ?'),
    ofDelivery: sql(
      `select * from outgoing indexed by outgoing_in_order
       where client = ? and broker = ? and counter = ? order by id limit 1`,
    ),
    ofMessage: sql(`${byMessage} and message = ? order by id limit 1`),
    unsent: sql(`${byMessage} and message is null order by id limit 1`),
    sent: sql('update outgoing set broker = ?, counter = ?, message = ? where id = ?'),
    received: sql(
      "update outgoing set cmd = 'pubrel', topic = null, payload = null, bytes = ? where id = ?",
    ),
    remove: sql('delete from outgoing where id = ?'),
    clear: sql('delete from outgoing where client = ?'),
    page: sql(
      'select id from outgoing where client = ? and id > ? and id <= ? order by id limit ?',
    ).pluck(),
  };
}
