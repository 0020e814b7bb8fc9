import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AcceptedMessage, Buffer as GatewayBuffer } from '@holdfast/edge/buffer/buffer.ts';
import { openBufferStore } from '@holdfast/edge/buffer/buffer-file.sqlite.ts';
import { bufferSettingsSchema } from '@holdfast/edge/buffer/buffer-settings.ts';
import { openBuffer } from '@holdfast/edge/buffer/open-buffer.ts';
import type { GatewayCredentials } from '@holdfast/edge/identity/credentials.ts';
import { grpcLinks } from '@holdfast/edge/uplink/link.grpc.ts';
import type { OpenLink } from '@holdfast/edge/uplink/link.ts';
import { uplinkSettingsSchema } from '@holdfast/edge/uplink/settings.ts';
import { openUplink, type Uplink } from '@holdfast/edge/uplink/uplink.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';

/** A gateway's buffer and uplink, without the broker. */
export interface GatewayWorld {
  readonly buffer: GatewayBuffer;
  readonly uplink: Uplink;
  readonly runtime: Runtime;
  /** Resolves when all are on disk. */
  accept(count: number, changes?: Partial<AcceptedMessage>): Promise<void>;
  pending(): number;
  stop(): Promise<void>;
}

export interface GatewayOptions {
  /** Where the buffer lies. */
  readonly file: string;
  readonly credentials: () => GatewayCredentials;
  readonly settings?: Record<string, number>;
  readonly runtime?: Runtime;
  /** Puts something between the uplink and its line. */
  readonly openLink?: (open: OpenLink) => OpenLink;
}

export async function startGateway(options: GatewayOptions): Promise<GatewayWorld> {
  const runtime = options.runtime ?? testRuntime();
  const { buffer, module } = openBuffer(openBufferStore(options.file, runtime), {
    runtime,
    settings: bufferSettingsSchema.parse({}),
  });
  const settings = uplinkSettingsSchema.parse({ liveSealMs: 10, ...options.settings });
  const uplink = openUplink({
    buffer,
    identity: options.credentials,
    settings,
    runtime,
    openLink: (options.openLink ?? asItIs)(grpcLinks({ runtime, settings })),
    softwareVersion: '0.1.0',
  });
  await uplink.module.start();
  let count = 0;
  return {
    buffer,
    uplink,
    runtime,
    async accept(messages, changes) {
      await Promise.all(
        Array.from({ length: messages }, () => buffer.append(message(++count, changes))),
      );
    },
    pending: () => buffer.ledger(new Map()).reduce((sum, lane) => sum + lane.pending, 0),
    async stop() {
      await uplink.module.stop();
      await module.stop();
    },
  };
}

const asItIs = (open: OpenLink): OpenLink => open;

function message(count: number, changes: Partial<AcceptedMessage> = {}): AcceptedMessage {
  const lane: Lane = changes.lane ?? 'telemetry';
  return {
    lane,
    topic: `devices/d1/${lane}/temperature`,
    device: 'd1',
    channel: 'temperature',
    payload: Buffer.from(String(count)),
    qos: 1,
    retain: false,
    ...changes,
  };
}

/** What a disk image of a stopped gateway, or a backup of it, would hold. */
export function cloneBuffer(file: string, folder: string, suffixes: readonly string[]): string {
  const clone = join(folder, 'clone.sqlite');
  for (const suffix of suffixes) {
    if (existsSync(`${file}${suffix}`)) copyFileSync(`${file}${suffix}`, `${clone}${suffix}`);
  }
  return clone;
}

/** Waits for a condition, never for a time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const { clock } = testRuntime();
  const giveUpAt = clock.monotonicMs() + timeoutMs;
  while (!(await condition())) {
    if (clock.monotonicMs() > giveUpAt) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await clock.sleep(5);
  }
}
