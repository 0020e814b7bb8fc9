import type { Database } from '@holdfast/shared/runtime/sqlite.ts';
import type { MqttPacket } from './session-persistence.ts';

interface WillRow {
  readonly client: string;
  readonly broker: string;
  readonly topic: string;
  readonly payload: Buffer | string;
  readonly qos: number;
  readonly retain: number;
}

/** The wills of connected clients, and of those whose broker ended before it could publish them. */
export class WillTable {
  readonly #statements;

  constructor(database: Database) {
    this.#statements = prepare(database);
  }

  put(clientId: string, packet: MqttPacket): void {
    const { brokerId, topic, payload = '', qos = 0, retain } = packet;
    this.#statements.put.run(clientId, brokerId, topic, payload, qos, retain ? 1 : 0);
  }

  get(clientId: string): MqttPacket | undefined {
    const row = this.#statements.get.get(clientId) as WillRow | undefined;
    return row && willOf(row);
  }

  remove(clientId: string): void {
    this.#statements.remove.run(clientId);
  }

  *ofOthers(brokers: Readonly<Record<string, unknown>>): Generator<MqttPacket> {
    for (const clientId of this.#statements.clients.all() as string[]) {
      const will = this.get(clientId);
      if (will && !brokers[will.brokerId ?? '']) yield will;
    }
  }
}

function willOf({ client, broker, topic, payload, qos, retain }: WillRow): MqttPacket {
  return { topic, payload, qos, retain: retain === 1, brokerId: broker, clientId: client };
}

function prepare(database: Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    put: sql('insert or replace into wills values (?, ?, ?, ?, ?, ?)'),
    get: sql('select * from wills where client = ?'),
    remove: sql('delete from wills where client = ?'),
    clients: sql('select client from wills').pluck(),
  };
}
