import { join } from 'node:path';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { sqliteFailure } from '@holdfast/shared/runtime/sqlite.ts';
import { listenTcp } from './broker/mqtt-listener.tcp.ts';
import { type Broker, openBroker } from './broker/open-broker.ts';
import { openSqliteSessions } from './broker/persistence/session-persistence.sqlite.ts';
import type { Buffer as GatewayBuffer } from './buffer/buffer.ts';
import { openBufferStore } from './buffer/buffer-file.sqlite.ts';
import { openBuffer } from './buffer/open-buffer.ts';
import { openFsVolume } from './buffer/retention/volume.fs.ts';
import type { GatewayCredentials } from './identity/credentials.ts';
import { loadCredentials, mendIdentity } from './identity/identity-file.ts';
import { openRenewal, type Renewal } from './identity/renewal.ts';
import type { GatewaySettings } from './settings.ts';
import { grpcLinks } from './uplink/link.grpc.ts';
import { openUplink, type Uplink } from './uplink/uplink.ts';
import { VERSION } from './version.ts';

/** A wall clock that is further from the cloud's is not confirmed by it. */
const CLOCK_ERROR_MS_MAX = 60_000;

/** What a test may put between the buffer and its users. */
export interface Decoration {
  readonly buffer?: (buffer: GatewayBuffer) => GatewayBuffer;
}

export interface GatewayParts {
  readonly modules: readonly Module[];
  readonly buffer: GatewayBuffer;
  readonly broker: Broker;
  /** Undefined while the gateway is not enrolled. */
  readonly uplink: Uplink | undefined;
  readonly credentials: GatewayCredentials | undefined;
  /** Closes what the modules close when they stop; again is harmless. */
  close(): Promise<void>;
}

export interface GatewayOptions {
  readonly settings: GatewaySettings;
  readonly runtime: Runtime;
  readonly decoration?: Decoration;
}

/**
 * The only place of the gateway where a technology is chosen. Throws after closing what had been
 * opened.
 */
export function wireGateway(options: GatewayOptions): GatewayParts {
  let close = async (): Promise<void> => {};
  const opened = (closing: () => Promise<void>): void => {
    close = closing;
  };
  try {
    return wireParts(options, opened);
  } catch (cause) {
    const { log } = options.runtime;
    // Its thread and its timers would keep the process from ending.
    close().catch((err: unknown) => log.warn({ err }, 'the buffer was not closed'));
    throw sqliteFailure(cause);
  }
}

function wireParts(
  options: GatewayOptions,
  onOpened: (close: () => Promise<void>) => void,
): GatewayParts {
  const { settings, runtime, decoration = {} } = options;
  const volume = openFsVolume({
    folder: settings.dataDir,
    reserveBytes: settings.buffer.reserveBytes,
    filling: (bytes) => runtime.random.bytes(bytes),
  });
  const store = openBufferStore(join(settings.dataDir, 'buffer.sqlite'), runtime, {
    writes: 'thread',
  });
  onOpened(() => store.close());
  let clockConfirmed = false;
  const opened = openBuffer(store, {
    runtime,
    settings: settings.buffer,
    clockConfirmed: () => clockConfirmed,
    volume,
  });
  onOpened(() => opened.buffer.close());
  const buffer = decoration.buffer?.(opened.buffer) ?? opened.buffer;
  const setAside = mendIdentity(settings.dataDir, runtime.clock.nowMicros());
  if (setAside) runtime.log.error({ setAside }, 'the identity was damaged: it was set aside');
  const credentials = credentialsOr(settings.dataDir);
  const persistence = openSqliteSessions({
    path: join(settings.dataDir, 'sessions.sqlite'),
    runtime,
    expiryHours: settings.mqtt.sessionExpiryHours,
  });
  const broker = openBroker({
    buffer,
    persistence,
    settings: settings.mqtt,
    listen: listenTcp,
    traceSampleRatio: settings.tracing.exporter === 'none' ? 0 : settings.tracing.sampleRatio,
    runtime,
  });
  const line =
    credentials instanceof AppError
      ? { uplink: undefined, modules: [offline(credentials, runtime)] }
      : wireLine({
          buffer,
          broker,
          credentials,
          settings,
          runtime,
          onCloudTime(cloudMs) {
            clockConfirmed = Math.abs(cloudMs - runtime.clock.now()) <= CLOCK_ERROR_MS_MAX;
          },
        });
  return {
    modules: [opened.module, broker.module, ...line.modules],
    buffer,
    broker,
    uplink: line.uplink,
    credentials: credentials instanceof AppError ? undefined : credentials,
    close: () => opened.buffer.close(),
  };
}

/** The stream to the cloud, and the certificate that it shows. */
function wireLine(options: {
  readonly buffer: GatewayBuffer;
  readonly broker: Broker;
  readonly credentials: GatewayCredentials;
  readonly settings: GatewaySettings;
  readonly runtime: Runtime;
  readonly onCloudTime: (cloudMs: number) => void;
}): { uplink: Uplink; modules: Module[] } {
  const { buffer, broker, credentials, settings, runtime } = options;
  let current = credentials;
  const renewal: Renewal = openRenewal({
    runtime,
    dataDir: settings.dataDir,
    cloudUrl: settings.cloud.url,
    onRenewed: (renewed) => {
      current = renewed;
    },
  });
  const uplink = openUplink({
    buffer,
    identity: () => ({ ...current, grpcUrl: settings.cloud.grpcUrl ?? current.grpcUrl }),
    settings: settings.uplink,
    runtime,
    openLink: grpcLinks({ runtime, settings: settings.uplink }),
    softwareVersion: VERSION,
    connectedDevices: broker.connections,
    onCloudTime(unixMicros) {
      const cloudMs = Number(unixMicros / 1000n);
      renewal.noteTime(cloudMs);
      options.onCloudTime(cloudMs);
    },
  });
  return { uplink, modules: [renewal.module, uplink.module] };
}

/** The credentials, or why there are none. A damaged file must not keep messages out (I2). */
function credentialsOr(dataDir: string): GatewayCredentials | AppError {
  const hint = 'run: holdfast-gateway enroll CLAIM-CODE --cloud https://…';
  try {
    const credentials = loadCredentials(dataDir);
    return credentials ?? new AppError('NOT_ENROLLED', 'this gateway is not enrolled', { hint });
  } catch (error) {
    if (error instanceof AppError && error.code === 'STORE_DAMAGED') return error;
    throw error;
  }
}

/** Messages are kept on disk meanwhile; /readyz says what is missing. */
function offline({ message, hint }: AppError, runtime: Runtime): Module {
  return {
    name: 'uplink',
    needs: ['buffer'],
    start: async () => runtime.log.warn({ hint }, message),
    stop: async () => {},
    degraded: () => `${message}; ${hint}`,
  };
}
