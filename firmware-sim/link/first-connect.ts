import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { type Clock, withDeadline } from '@holdfast/shared/runtime/clock.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { waitUntil } from '../stage.ts';
import { reconnectDelayMs } from './backoff.ts';

export interface ConnectOptions {
  readonly url: string;
  readonly clientId: string;
  /**
   * `kept`: the broker keeps the session over a reconnect, which QoS 2 needs. `clean`: it forgets
   * it.
   */
  readonly session: 'kept' | 'clean';
  readonly clock: Clock;
  readonly random: Random;
  readonly firstConnectMsMax?: number;
  /** Ends the tries. */
  readonly signal?: AbortSignal;
}

export const FIRST_CONNECT_MS_MAX = 30_000;
const CONNACK_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_S = 30;
/**
 * CONNACK: wrong protocol, identifier rejected, wrong credentials, not authorised [MQTT-3.2.2-3].
 */
const REFUSED_FOR_GOOD = [1, 2, 4, 5];

/**
 * A connected client that comes back by itself from then on. Tries until the deadline; throws
 * UNAVAILABLE when nobody answered by then, FORBIDDEN when the broker refuses for good.
 */
export async function firstConnect(options: ConnectOptions): Promise<MqttClient> {
  if (options.session === 'clean') return await connectUntil(options, { clean: true });
  // Packet ids start anew with this process, so the broker must not remember those of an earlier
  // one.
  const forgetting = await connectUntil(options, { clean: true });
  await forgetting.endAsync();
  return await connectUntil(options, { clean: false });
}

async function connectUntil(
  options: ConnectOptions,
  { clean }: { clean: boolean },
): Promise<MqttClient> {
  const { url, clientId, clock, random, signal } = options;
  const { firstConnectMsMax = FIRST_CONNECT_MS_MAX } = options;
  const endsAt = clock.monotonicMs() + firstConnectMsMax;
  for (let attempt = 0; ; attempt++) {
    const ms = Math.max(1, Math.min(CONNACK_TIMEOUT_MS, endsAt - clock.monotonicMs()));
    try {
      return await connectOnce({ url, clientId, clean, clock, ms });
    } catch (cause) {
      if (REFUSED_FOR_GOOD.includes(codeOf(cause))) throw refused(url, cause);
      const nextAt = clock.monotonicMs() + reconnectDelayMs(attempt, random);
      if (nextAt < endsAt) await waitUntil(nextAt, { clock, signal });
      if (nextAt >= endsAt || signal?.aborted) throw unreachable(url, cause);
    }
  }
}

interface Attempt {
  readonly url: string;
  readonly clientId: string;
  readonly clean: boolean;
  readonly clock: Clock;
  readonly ms: number;
}

async function connectOnce({ url, clientId, clean, clock, ms }: Attempt): Promise<MqttClient> {
  const client = mqtt.connect(url, {
    clientId,
    clean,
    protocolVersion: 4,
    keepalive: KEEP_ALIVE_S,
    connectTimeout: CONNACK_TIMEOUT_MS,
    reconnectOnConnackError: true,
  });
  // Every failure is a 'close' as well; an 'error' that nobody hears would end the process.
  client.on('error', () => undefined);
  try {
    await withDeadline(settled(client), {
      clock,
      ms,
      late: () => new Error(`no CONNACK within ${ms} ms`),
    });
    return client;
  } catch (cause) {
    client.end(true);
    throw cause;
  }
}

function settled(client: MqttClient): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
    client.once('close', () => reject(new Error('the connection was closed')));
  });
}

function codeOf(error: unknown): number {
  return error instanceof Error && 'code' in error ? Number(error.code) : Number.NaN;
}

function refused(url: string, cause: unknown): AppError {
  const hint = 'check the user name and password in --url mqtt://user:password@host:port';
  return new AppError('FORBIDDEN', `the broker at ${plain(url)} refuses this client`, {
    cause,
    hint,
  });
}

function unreachable(url: string, cause: unknown): AppError {
  const reason = cause instanceof Error && cause.message ? `: ${cause.message}` : '';
  return new AppError('UNAVAILABLE', `no MQTT broker answers at ${plain(url)}${reason}`, {
    cause,
    hint: 'start the gateway (npm start), or name its address with --url',
  });
}

/** Without the password, since the message goes to logs. */
function plain(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
