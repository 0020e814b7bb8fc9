import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { isTopicName } from '@holdfast/shared/lib/topic-filter.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Client } from 'aedes';
import type {
  AppendOutcome,
  Buffer as GatewayBuffer,
  GroupEnd,
  Offering,
} from '../buffer/buffer.ts';
import { deviceKeyOf } from '../devices/device-key.ts';
import type { Route, Router } from '../devices/routes.ts';
import type { Audience } from './audience.ts';
import type { Frame, PublishTaker } from './frame-sorter.ts';
import type { Settled } from './held-publishes.ts';
import type { MessageCounts } from './message-counts.ts';
import { refusalOf } from './publish-intake.ts';
import type { Refusals } from './refusals.ts';
import { keepAlive } from './session-state.ts';
import type { Session, Sessions } from './sessions.ts';
import type { TraceSampler } from './trace-sampler.ts';

export interface FastPublishesOptions {
  readonly buffer: Pick<GatewayBuffer, 'offer'>;
  readonly route: Router;
  readonly audience: Audience;
  readonly sessions: Sessions;
  readonly refusals: Refusals;
  readonly counts: MessageCounts;
  readonly sampler: TraceSampler;
  readonly payloadBytesMax: number;
  /** From then on nothing is taken and nothing acknowledged. */
  readonly stopped: () => boolean;
  readonly runtime: Runtime;
}

const RETAIN = 0b0001;
const PUBACK = 0x40;
const PUBACK_BYTES = 4;
/** Aedes refuses a topic with more. */
const TOPIC_LEVELS_MAX = 100;
/** Topics of one connection that are remembered; a device uses few. */
const TOPICS_KNOWN_MAX = 16;

/** A topic as this connection may use it. */
interface KnownTopic {
  readonly bytes: Buffer;
  readonly topic: string;
  readonly route: Route;
  readonly isGranted: boolean;
  /** Somebody at the site gets it, as of `version` of the audience. */
  isWanted: boolean;
  version: number;
}

/** What of one connection is in one group of the buffer. */
interface Batch {
  readonly lane: Lane;
  readonly topics: KnownTopic[];
  /** 0 stands for QoS 0, which has none. */
  readonly packetIds: number[];
  readonly settle: (outcome: AppendOutcome) => void;
  readonly fail: (error: Error) => void;
}

/**
 * The short way of one connection's publishes: judged, appended and acknowledged without Aedes,
 * when nobody at the site waits for them. Whatever is not plain (QoS 2, retained, not granted,
 * malformed, sampled for a trace) is left to Aedes, whose way has the same effect.
 */
export class FastPublishes implements PublishTaker, Offering {
  joined: object | undefined;
  readonly #options: FastPublishesOptions;
  readonly #client: Client;
  readonly #session: Session;
  readonly #topics: KnownTopic[] = [];
  readonly #batches: Batch[] = [];
  #lastTopic: KnownTopic | undefined;

  constructor(options: FastPublishesOptions, client: Client, session: Session) {
    this.#options = options;
    this.#client = client;
    this.#session = session;
  }

  take(bytes: Buffer, frame: Frame): boolean {
    const { sampler, stopped } = this.#options;
    const flags = bytes[frame.at]! & 0x0f;
    const qos = (flags >>> 1) & 0b11;
    if (qos === 2 || (flags & RETAIN) !== 0 || sampler.isDue) return false;
    const topicAt = frame.bodyAt + 2;
    if (topicAt > frame.end) return false;
    const topicEnd = topicAt + bytes.readUInt16BE(frame.bodyAt);
    const payloadAt = topicEnd + (qos === 0 ? 0 : 2);
    const payloadBytes = frame.end - payloadAt;
    if (payloadBytes < 0 || payloadBytes > this.#options.payloadBytesMax) return false;
    const packetId = qos === 0 ? 0 : bytes.readUInt16BE(topicEnd);
    if (qos === 1 && packetId === 0) return false;
    const known = this.#topicOf(bytes, topicAt, topicEnd);
    if (!known.isGranted || known.isWanted) return false;
    if (stopped()) return true;
    sampler.next();
    return this.#offer(known, bytes.subarray(payloadAt, frame.end), packetId);
  }

  /** The buffer tells once for each group that a message of this connection is in, in order. */
  settled(end: GroupEnd): void {
    const { settle, fail, lane } = this.#batches.shift()!;
    if (end.kind === 'durable') settle({ kind: 'stored', sequence: 0n });
    else if (end.kind === 'full') settle({ kind: 'full', lane });
    else fail(end.error);
  }

  #offer(known: KnownTopic, payload: Buffer, packetId: number): boolean {
    const { topic, route } = known;
    const before = this.joined;
    const outcome = this.#options.buffer.offer(
      {
        lane: route.lane,
        topic,
        device: route.device,
        channel: route.channel,
        payload,
        qos: packetId === 0 ? 0 : 1,
        retain: false,
        key: route.device === undefined ? undefined : deviceKeyOf(payload),
      },
      this,
    );
    if (this.joined !== before) this.#begin(route.lane);
    // Nothing of it is stored: Aedes' way says what becomes of it.
    if (!outcome || outcome.kind === 'full') return false;
    const batch = this.#batches.at(-1)!;
    batch.topics.push(known);
    batch.packetIds.push(packetId);
    return true;
  }

  /** Held like every publish, so that the acknowledgements of both ways leave in order. */
  #begin(lane: Lane): void {
    const { sessions, runtime } = this.#options;
    const topics: KnownTopic[] = [];
    const packetIds: number[] = [];
    const appended = new Promise<AppendOutcome>((settle, fail) => {
      this.#batches.push({ lane, topics, packetIds, settle, fail });
    });
    const done = (settled: Settled): void => this.#acknowledge({ topics, packetIds }, settled);
    this.#session.held.hold(appended, runtime.clock.monotonicMs(), done);
    sessions.watch(this.#client);
    keepAlive(this.#client);
  }

  #acknowledge({ topics, packetIds }: Pick<Batch, 'topics' | 'packetIds'>, settled: Settled): void {
    const { counts, refusals, runtime } = this.#options;
    const { conn } = this.#client;
    const refusal = refusalOf(settled);
    if (refusal) {
      refusals.refuse(refusal, { clientId: this.#client.id, topic: topics[0]?.topic });
      conn.destroy();
      return;
    }
    const pubacks = Buffer.allocUnsafe(packetIds.length * PUBACK_BYTES);
    let length = 0;
    for (let index = 0; index < packetIds.length; index++) {
      const packetId = packetIds[index]!;
      counts.add(topics[index]!.route.lane, packetId === 0 ? 0 : 1);
      runtime.steps.reach('broker.puback.before');
      if (packetId === 0) continue;
      pubacks.writeUInt16BE((PUBACK << 8) | 2, length);
      pubacks.writeUInt16BE(packetId, length + 2);
      length += PUBACK_BYTES;
    }
    if (length > 0 && !conn.destroyed) conn.write(pubacks.subarray(0, length));
  }

  #topicOf(bytes: Buffer, at: number, end: number): KnownTopic {
    let known = this.#lastTopic;
    if (!known || !isSame(known.bytes, bytes, { at, end })) {
      known = this.#topics.find((each) => isSame(each.bytes, bytes, { at, end }));
      known ??= this.#learn(Buffer.from(bytes.subarray(at, end)));
      this.#lastTopic = known;
    }
    const { audience } = this.#options;
    if (known.version !== audience.version) {
      known.version = audience.version;
      known.isWanted = known.isGranted && audience.wants(known.topic);
    }
    return known;
  }

  #learn(bytes: Buffer): KnownTopic {
    const topic = bytes.toString('utf8');
    const isPlain =
      isTopicName(topic) && !topic.startsWith('$') && topic.split('/').length <= TOPIC_LEVELS_MAX;
    const known = {
      bytes,
      topic,
      route: this.#options.route(topic),
      isGranted: isPlain && this.#session.grants.mayPublish(topic),
      isWanted: false,
      version: -1,
    };
    if (this.#topics.length === TOPICS_KNOWN_MAX) this.#topics.shift();
    this.#topics.push(known);
    return known;
  }
}

function isSame(topic: Buffer, bytes: Buffer, { at, end }: { at: number; end: number }): boolean {
  const { length } = topic;
  if (length !== end - at) return false;
  for (let index = 0; index < length; index++) if (topic[index] !== bytes[at + index]) return false;
  return true;
}
