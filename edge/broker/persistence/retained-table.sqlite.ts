import { topicMatches } from '@holdfast/shared/lib/topic-filter.ts';
import type { Database } from '@holdfast/shared/runtime/sqlite.ts';
import { type MqttPacket, RETAINED_BYTES_MAX, RETAINED_COUNT_MAX } from './session-persistence.ts';

/** Topics that are looked at before the next are read. */
const PAGE = 256;
/** Sorts behind every topic that begins with the same text. */
const BEHIND_ALL = '\u{10ffff}';

interface RetainedRow {
  readonly topic: string;
  readonly payload: Buffer | string;
  readonly qos: number;
  readonly rest: string;
}

/** The retained messages: on disk only. */
export class RetainedTable {
  readonly #statements;
  #count = 0;
  #bytes = 0;

  constructor(database: Database) {
    this.#statements = prepare(database);
    this.load();
  }

  load(): void {
    const { count, bytes } = this.#statements.totals.get() as { count: number; bytes: number };
    this.#count = count;
    this.#bytes = bytes;
  }

  /** False when there is no room for it; what the topic held is removed then: it is outdated. */
  store(packet: MqttPacket): boolean {
    const { cmd, topic = '', payload = Buffer.alloc(0), qos = 0 } = packet;
    const before = this.#statements.remove.get(topic) as { bytes: number } | undefined;
    if (before) {
      this.#count -= 1;
      this.#bytes -= before.bytes;
    }
    if (payload.length === 0) return true;
    const bytes = topic.length + payload.length;
    if (this.#count >= RETAINED_COUNT_MAX || this.#bytes + bytes > RETAINED_BYTES_MAX) return false;
    const rest = JSON.stringify({ cmd, ...unknownFields(packet) });
    this.#statements.insert.run(topic, payload, qos, rest, bytes);
    this.#count += 1;
    this.#bytes += bytes;
    return true;
  }

  *matching(filter: string): Generator<MqttPacket> {
    const wild = filter.search(/[+#]/);
    if (wild === -1) {
      yield* this.#read(filter);
      return;
    }
    // `sport/#` matches `sport`, too.
    const prefix = filter.slice(0, wild).replace(/\/$/, '');
    let from = prefix;
    for (;;) {
      const topics = this.#statements.page.all(from, prefix + BEHIND_ALL, PAGE) as string[];
      for (const topic of topics) if (topicMatches(filter, topic)) yield* this.#read(topic);
      if (topics.length < PAGE) return;
      from = `${topics.at(-1)}\0`;
    }
  }

  *#read(topic: string): Generator<MqttPacket> {
    const row = this.#statements.get.get(topic) as RetainedRow | undefined;
    if (!row) return;
    const { payload, qos, rest } = row;
    yield { ...JSON.parse(rest), topic, payload, qos, retain: true };
  }
}

function prepare(database: Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    totals: sql('select count(*) as count, coalesce(sum(bytes), 0) as bytes from retained'),
    remove: sql('delete from retained where topic = ? returning bytes'),
    insert: sql('insert into retained values (?, ?, ?, ?, ?)'),
    get: sql('select topic, payload, qos, rest from retained where topic = ?'),
    page: sql(
      'select topic from retained where topic >= ? and topic < ? order by topic limit ?',
    ).pluck(),
  };
}

/** What is neither stored in a column nor of one delivery only. */
function unknownFields(packet: MqttPacket): object {
  const {
    cmd: _cmd,
    topic: _topic,
    payload: _payload,
    qos: _qos,
    retain: _retain,
    dup: _dup,
    brokerId: _broker,
    brokerCounter: _counter,
    clientId: _client,
    messageId: _message,
    ...rest
  } = packet;
  return 'length' in rest ? { ...rest, length: undefined } : rest;
}
