import type { Database } from '@holdfast/shared/runtime/sqlite.ts';
import type { MqttPacket } from './session-persistence.ts';

interface IncomingRow {
  readonly topic: string | null;
  readonly payload: Buffer | string | null;
  readonly qos: number;
  readonly retain: number;
  readonly dup: number;
}

/** The packet ids of QoS 2 messages that came and were not yet released. */
export class IncomingTable {
  readonly #statements;

  constructor(database: Database) {
    this.#statements = prepare(database);
    // A clean session ends with its connection, also when that ended with the process.
    this.#statements.clearClean.run();
  }

  /** False when it was there. The message itself is in the buffer. */
  note(clientId: string, messageId: number): boolean {
    return this.#statements.note.run(clientId, messageId).changes === 1;
  }

  store(clientId: string, packet: MqttPacket): void {
    const { messageId, topic = null, payload = null, qos, retain, dup } = packet;
    const flags = [qos ?? 2, retain ? 1 : 0, dup ? 1 : 0];
    this.#statements.store.run(clientId, messageId, topic, payload, ...flags);
  }

  get(clientId: string, messageId: number | undefined): MqttPacket | undefined {
    const row = this.#statements.get.get(clientId, messageId ?? null) as IncomingRow | undefined;
    if (!row) return undefined;
    return {
      cmd: 'publish',
      topic: row.topic ?? '',
      payload: row.payload ?? Buffer.alloc(0),
      qos: row.qos,
      retain: row.retain === 1,
      dup: row.dup === 1,
      messageId,
    };
  }

  has(clientId: string): boolean {
    return this.#statements.has.get(clientId) !== undefined;
  }

  remove(clientId: string, messageId: number | undefined): void {
    this.#statements.remove.run(clientId, messageId ?? null);
  }

  clear(clientId: string): void {
    this.#statements.clear.run(clientId);
  }
}

function prepare(database: Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    note: sql('insert or ignore into incoming values (?, ?, null, null, 2, 0, 0)'),
    store: sql('insert or replace into incoming values (?, ?, ?, ?, ?, ?, ?)'),
    get: sql('select * from incoming where client = ? and message = ?'),
    has: sql('select 1 from incoming where client = ? limit 1'),
    remove: sql('delete from incoming where client = ? and message = ?'),
    clear: sql('delete from incoming where client = ?'),
    clearClean: sql('delete from incoming where client not in (select client from sessions)'),
  };
}
