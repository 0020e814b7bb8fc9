import { isTopicName } from '@holdfast/shared/lib/topic-filter.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Client, PublishPacket } from 'aedes';
import type {
  AcceptedMessage,
  AppendOutcome,
  Exchange,
  Buffer as GatewayBuffer,
} from '../buffer/buffer.ts';
import { deviceKeyOf } from '../devices/device-key.ts';
import type { Router } from '../devices/routes.ts';
import type { Settled } from './held-publishes.ts';
import type { MessageCounts } from './message-counts.ts';
import type { SessionPersistence } from './persistence/session-persistence.ts';
import type { RefusalReason, Refusals } from './refusals.ts';
import type { Sessions } from './sessions.ts';
import type { TraceSampler } from './trace-sampler.ts';

export interface PublishIntakeOptions {
  readonly buffer: GatewayBuffer;
  readonly persistence: Pick<SessionPersistence, 'prepare'>;
  readonly route: Router;
  readonly sessions: Sessions;
  readonly refusals: Refusals;
  readonly counts: MessageCounts;
  readonly payloadBytesMax: number;
  readonly sampler: TraceSampler;
  readonly runtime: Runtime;
}

type Answer = (error?: Error | null) => void;

/**
 * What runs before a PUBLISH is acknowledged, and all that does: Aedes sends PUBACK and PUBREC
 * after this answers, in the order of the answers. So the answer waits for the disk (I1).
 */
export class PublishIntake {
  readonly #options: PublishIntakeOptions;
  #stopped = false;

  constructor(options: PublishIntakeOptions) {
    this.#options = options;
  }

  /** `client` is null for a will that outlived its broker; its topic was judged at its CONNECT. */
  take(client: Client | null, packet: PublishPacket, answer: Answer): void {
    // Not even a refusal: that would delete the will of a client that we disconnect by stopping. It
    // waits on disk for the next start, as MQTT 3.1.1 §3.1.2.5 allows.
    if (this.#stopped) return;
    const denied = this.#denial(client, packet);
    if (denied) {
      answer(this.#refuse(denied, client, packet.topic));
      return;
    }
    const message = this.#accepted(client, packet);
    const appended = this.#prepared(this.#append(message, client), client, packet);
    const settled = (result: Settled): void => {
      const refusal = refusalOf(result);
      if (refusal) answer(this.#refuse(refusal, client, packet.topic));
      else {
        this.#options.counts.add(message.lane, message.qos);
        this.#options.runtime.steps.reach('broker.puback.before');
        answer(null);
      }
    };
    const session = client && this.#options.sessions.of(client);
    if (session) {
      session.held.hold(appended, this.#options.runtime.clock.monotonicMs(), settled);
      this.#options.sessions.watch(client);
    } else
      appended.then(
        (outcome) => settled({ kind: 'outcome', outcome }),
        (error: unknown) => settled({ kind: 'failed', error }),
      );
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** From now on nothing is taken and nothing acknowledged. */
  stop(): void {
    this.#stopped = true;
  }

  #denial(client: Client | null, { topic, payload }: PublishPacket): RefusalReason | undefined {
    if (!isTopicName(topic)) return 'topic';
    if (payload.length > this.#options.payloadBytesMax) return 'oversized';
    // Overriding Aedes' own check drops its refusal of the broker's topics.
    if (topic.startsWith('$SYS/')) return 'publish-denied';
    if (client === null) return undefined;
    const session = this.#options.sessions.of(client);
    return session?.grants.mayPublish(topic) ? undefined : 'publish-denied';
  }

  #accepted(client: Client | null, packet: PublishPacket): AcceptedMessage {
    const { topic, qos, retain } = packet;
    const payload =
      typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
    const { lane, device, channel } = this.#options.route(topic);
    return {
      lane,
      topic,
      device,
      channel,
      payload,
      qos,
      retain,
      key: device === undefined ? undefined : deviceKeyOf(payload),
      exchange: exchangeOf(client, packet),
    };
  }

  /**
   * What Aedes retains and queues only after the acknowledgement is on disk before it, too, and
   * only of what is stored.
   */
  #prepared(
    appended: Promise<AppendOutcome>,
    client: Client | null,
    packet: PublishPacket,
  ): Promise<AppendOutcome> {
    const prepare = this.#options.persistence.prepare(client, packet);
    if (!prepare) return appended;
    return appended.then(async (outcome) => {
      if (outcome.kind !== 'full') await prepare();
      return outcome;
    });
  }

  #append(message: AcceptedMessage, client: Client | null): Promise<AppendOutcome> {
    const { buffer, runtime } = this.#options;
    if (!this.#options.sampler.next()) return buffer.append(message);
    const attributes = {
      'messaging.system': 'mqtt',
      'messaging.operation.type': 'receive',
      'messaging.destination.name': message.topic,
      'messaging.message.body.size': message.payload.byteLength,
      'mqtt.qos': message.qos,
      'holdfast.lane': message.lane,
      ...(client && { 'messaging.client.id': client.id }),
      ...(message.device === undefined ? {} : { 'holdfast.device': message.device }),
    };
    return runtime.tracing.span('mqtt.publish', { kind: 'server', attributes }, (span) =>
      buffer.append({ ...message, traceparent: span.traceparent }),
    );
  }

  #refuse(reason: RefusalReason, client: Client | null, topic: string): Error {
    return this.#options.refusals.refuse(reason, { clientId: client?.id, topic });
  }
}

/**
 * Closing the connection is all that MQTT 3.1.1 has for "not stored"; an acknowledgement would be a
 * lie.
 */
export function refusalOf(settled: Settled): RefusalReason | undefined {
  if (settled.kind === 'failed') return 'unavailable';
  return settled.outcome.kind === 'full' ? 'full' : undefined;
}

/** A will has no packet id. */
function exchangeOf(
  client: Client | null,
  { qos, messageId }: PublishPacket,
): Exchange | undefined {
  if (qos !== 2 || client === null || messageId === undefined) return undefined;
  return { clientId: client.id, packetId: messageId };
}
