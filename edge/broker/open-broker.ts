import type { EventEmitter } from 'node:events';
import { isTopicFilter } from '@holdfast/shared/lib/topic-filter.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import {
  Aedes,
  type AedesPublishPacket,
  type AuthenticateError,
  type Client,
  type ConnectPacket,
  type Subscription,
} from 'aedes';
import { writeToStream } from 'mqtt-packet';
import type { Buffer as GatewayBuffer } from '../buffer/buffer.ts';
import { type Admit, createAdmission } from '../devices/admission.ts';
import { createRouter } from '../devices/routes.ts';
import { Audience } from './audience.ts';
import type { BrokerSettings } from './broker-settings.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { FastPublishes, type FastPublishesOptions } from './fast-publishes.ts';
import { FrameGuard } from './frame-guard.ts';
import { MessageCounts } from './message-counts.ts';
import type { Listen, MqttConnection, MqttListener } from './mqtt-listener.ts';
import type { SessionPersistence } from './persistence/session-persistence.ts';
import { PublishIntake } from './publish-intake.ts';
import { createRefusals, type RefusalReason, RefusedError } from './refusals.ts';
import { bindExchanges } from './session-state.ts';
import { Sessions } from './sessions.ts';
import { TraceSampler } from './trace-sampler.ts';

export interface OpenBrokerOptions {
  readonly buffer: GatewayBuffer;
  /** Aedes' own state; the broker closes it. */
  readonly persistence: SessionPersistence;
  readonly settings: BrokerSettings;
  /** The share of messages that begin a trace, 0 to 1. */
  readonly traceSampleRatio?: number;
  /** `aedes` takes every publish the long way; the effect is the same. */
  readonly publishes?: 'fast' | 'aedes';
  readonly listen: Listen;
  readonly runtime: Runtime;
}

export interface Broker {
  readonly module: Module;
  /** The port that it listens on; 0 before it started. */
  port(): number;
  /** How many connections there are. */
  connections(): number;
}

/** CONNACK return codes (MQTT 3.1.1 §3.2.2.3). */
const RETURN_CODES = { busy: 3, credentials: 4, anonymous: 5, 'will-denied': 5 } as const;
/** MQTT 5's own words for "unsupported protocol version"; Aedes would answer as MQTT 3 has it. */
const CONNACK_5_UNSUPPORTED = Buffer.from([0x20, 0x03, 0x00, 0x84, 0x00]);
const MQTT_5 = 5;
/** Packets that may follow a CONNECT before its CONNACK; the frame guard bounds their bytes. */
const EARLY_PACKETS_MAX = 10_000;

/**
 * The MQTT broker: Aedes behind a frame guard, and each message on disk before its acknowledgement.
 */
export function openBroker(options: OpenBrokerOptions): Broker {
  // Else its first packet makes 65,536 buffers, one for each number, and keeps them: 6.5 MB.
  writeToStream.cacheNumbers = false;
  const broker = new HoldfastBroker(options);
  return {
    module: {
      name: 'broker',
      needs: ['buffer'],
      start: () => broker.start(),
      stop: () => broker.stop(),
      degraded: () => options.persistence.degraded(),
    },
    port: () => broker.port,
    connections: () => broker.connections,
  };
}

class HoldfastBroker {
  readonly #options: OpenBrokerOptions;
  readonly #refusals;
  readonly #sessions;
  readonly #counts;
  readonly #limits;
  readonly #connectionsGauge;
  readonly #admit: Admit;
  readonly #intake: PublishIntake;
  readonly #aedes: Aedes;
  readonly #fast: FastPublishesOptions;
  readonly #guards = new Set<FrameGuard>();
  #listener: MqttListener | undefined;

  constructor(options: OpenBrokerOptions) {
    const { runtime, settings, buffer, persistence, traceSampleRatio = 0 } = options;
    this.#options = options;
    this.#refusals = createRefusals(runtime);
    this.#sessions = new Sessions(runtime, this.#refusals);
    this.#counts = new MessageCounts(runtime);
    this.#limits = new ConnectionLimits(settings);
    this.#admit = createAdmission(settings, runtime.random);
    this.#connectionsGauge = runtime.metrics.gauge(
      'holdfast_broker_connections',
      'Open MQTT connections.',
    );
    const shared = {
      buffer,
      route: createRouter(),
      sessions: this.#sessions,
      refusals: this.#refusals,
      counts: this.#counts,
      payloadBytesMax: settings.payloadBytesMax,
      sampler: new TraceSampler(traceSampleRatio),
      runtime,
    };
    this.#intake = new PublishIntake({ ...shared, persistence });
    this.#aedes = this.#createAedes();
    const audience = new Audience(this.#aedes, persistence);
    this.#fast = { ...shared, audience, stopped: () => this.#intake.isStopped };
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  get connections(): number {
    return this.#limits.count;
  }

  async start(): Promise<void> {
    await this.#aedes.listen();
    bindExchanges(this.#aedes, this.#options.buffer);
    const { host, port } = this.#options.settings;
    this.#listener = await this.#options.listen({
      host,
      port,
      setting: 'mqtt.port',
      accept: (connection) => this.#accept(connection),
    });
  }

  async stop(): Promise<void> {
    await this.#listener?.close();
    this.#intake.stop();
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
    // Aedes does not know those that have not said CONNECT.
    for (const guard of this.#guards) guard.destroy();
    await this.#options.persistence.destroy();
    this.#sessions.stop();
    this.#counts.show();
  }

  #createAedes(): Aedes {
    const aedes = new Aedes({
      persistence: this.#options.persistence,
      // The intake bounds what is in flight; a second bound here would only queue and warn.
      concurrency: 0,
      queueLimit: EARLY_PACKETS_MAX,
      connectTimeout: this.#options.settings.connectTimeoutMs,
      preConnect: (client, packet, done) => this.#announce(client, packet, done),
      authenticate: (client, ...[username, password, done]) =>
        void this.#authenticate(client, { username, password }).then(
          () => done(null, true),
          (error: AuthenticateError) => done(error, false),
        ),
      authorizePublish: (client, packet, done) =>
        this.#intake.take(client, packet, (error) => {
          done(error);
          if (client) guardOf(client)?.answered();
        }),
      authorizeSubscribe: (client, subscription, done) =>
        done(null, this.#granted(client, subscription)),
      authorizeForward: (client, packet) => this.#receivable(client, packet),
    });
    aedes.on('clientReady', (client) => this.#openFastPath(client));
    aedes.on('subscribe', (_, client) => guardOf(client)?.subscribed());
    aedes.on('clientError', (client, error) => this.#failed(client, error));
    aedes.on('connectionError', (client, error) => this.#failed(client, error));
    // Of a stored will: it stays on disk, and Aedes tries again. Unheard, it would end the process.
    (aedes as EventEmitter).on('error', (error: Error) => {
      this.#options.runtime.log.warn({ err: error }, 'a stored will could not be published');
    });
    return aedes;
  }

  #accept({ stream, remoteAddress }: MqttConnection): void {
    const { settings, runtime, buffer } = this.#options;
    const entry = this.#limits.enter(remoteAddress ?? '');
    if (entry.kind === 'refused') {
      this.#refusals.refuse(entry.reason, { remoteAddress });
      stream.destroy();
      return;
    }
    this.#connectionsGauge.set(this.#limits.count);
    const guard = new FrameGuard(stream, {
      remoteAddress,
      payloadBytesMax: settings.payloadBytesMax,
      connectTimeoutMs: settings.connectTimeoutMs,
      clock: runtime.clock,
      refused: (reason) => void this.#refusals.refuse(reason, { remoteAddress }),
      pressure: buffer,
    });
    this.#guards.add(guard);
    guard.once('close', () => {
      this.#guards.delete(guard);
      entry.release();
      this.#connectionsGauge.set(this.#limits.count);
    });
    this.#aedes.handle(guard);
  }

  #announce(
    client: Client,
    packet: ConnectPacket,
    done: (error: Error | null, success: boolean) => void,
  ): void {
    if (packet.protocolVersion === MQTT_5) {
      client.conn.write(CONNACK_5_UNSUPPORTED);
      done(this.#refuse('protocol-version', client), false);
      return;
    }
    const { keepalive = 0, will } = packet;
    this.#sessions.announce(client, { keepAliveSeconds: keepalive, willTopic: will?.topic });
    done(null, true);
  }

  async #authenticate(
    client: Client,
    given: { username: string | undefined; password: Buffer | undefined },
  ): Promise<void> {
    const remoteAddress = remoteAddressOf(client);
    const admission = await this.#admit({ clientId: client.id, remoteAddress, ...given });
    if (admission.kind !== 'admitted') throw this.#rejection(admission.kind, client);
    const willTopic = this.#sessions.details(client)?.willTopic;
    // Nobody is there to be told when the will is due.
    if (willTopic !== undefined && !admission.grants.mayPublish(willTopic))
      throw this.#rejection('will-denied', client);
    this.#sessions.open(client, admission.grants);
  }

  #openFastPath(client: Client): void {
    const session = this.#sessions.of(client);
    if (this.#options.publishes === 'aedes' || !session) return;
    guardOf(client)?.offerTo(new FastPublishes(this.#fast, client, session));
  }

  /** A subscription that is not granted is answered with 0x80 [MQTT-3.9.3]. */
  #granted(client: Client, subscription: Subscription): Subscription | null {
    const { topic } = subscription;
    const grants = this.#sessions.of(client)?.grants;
    if (grants && isTopicFilter(topic) && grants.maySubscribe(topic)) return subscription;
    this.#refuse('subscribe-denied', client, { topic });
    return null;
  }

  #receivable(client: Client, packet: AedesPublishPacket): AedesPublishPacket | null {
    return this.#sessions.of(client)?.grants.mayReceive(packet.topic) ? packet : null;
  }

  #rejection(reason: keyof typeof RETURN_CODES, client: Client): AuthenticateError {
    return Object.assign(this.#refuse(reason, client), { returnCode: RETURN_CODES[reason] });
  }

  #refuse(reason: RefusalReason, client: Client, details: Record<string, unknown> = {}): Error {
    const remoteAddress = remoteAddressOf(client);
    return this.#refusals.refuse(reason, { clientId: client.id, remoteAddress, ...details });
  }

  /** A connection that ended otherwise than by its own wish. */
  #failed(client: Client, error: Error): void {
    if (error instanceof RefusedError) return;
    if ('code' in error) {
      // The network's errors (ECONNRESET) are no fault of the client.
      this.#options.runtime.log.debug({ err: error, clientId: client.id }, 'connection lost');
      return;
    }
    const late = error.message === 'keep alive timeout';
    this.#refuse(late ? 'keep-alive' : 'protocol', client, { message: error.message });
  }
}

function remoteAddressOf(client: Client): string | undefined {
  return guardOf(client)?.remoteAddress;
}

function guardOf({ conn }: Client): FrameGuard | undefined {
  return conn instanceof FrameGuard ? conn : undefined;
}
