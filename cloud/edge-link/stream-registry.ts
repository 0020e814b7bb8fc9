import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { EndReason, GatewayStream } from './gateway-stream.ts';

/** The open streams of this process. A gateway has one: its newest. */
export interface StreamRegistry {
  readonly size: number;
  open(stream: GatewayStream): void;
  /**
   * The stream speaks for the gateway from now on; resolves when the one that it replaces has
   * ended.
   */
  claim(gatewayId: string, stream: GatewayStream): Promise<void>;
  /** Of the gateways that a stream speaks for. */
  gatewayIds(): readonly string[];
  streamOf(gatewayId: string): GatewayStream | undefined;
  release(stream: GatewayStream): void;
  endAll(reason: EndReason, error: AppError): Promise<void>;
}

export function createStreamRegistry(): StreamRegistry {
  const streams = new Set<GatewayStream>();
  const byGateway = new Map<string, GatewayStream>();
  return {
    get size() {
      return streams.size;
    },
    open: (stream) => void streams.add(stream),
    async claim(gatewayId, stream) {
      const older = byGateway.get(gatewayId);
      byGateway.set(gatewayId, stream);
      if (older && older !== stream) await older.end('replaced', replacedError());
    },
    gatewayIds: () => [...byGateway.keys()],
    streamOf: (gatewayId) => byGateway.get(gatewayId),
    release(stream) {
      streams.delete(stream);
      for (const [gatewayId, current] of byGateway) {
        if (current === stream) byGateway.delete(gatewayId);
      }
    },
    async endAll(reason, error) {
      await Promise.all([...streams].map((stream) => stream.end(reason, error)));
    },
  };
}

export function replacedError(): AppError {
  return new AppError('UNAVAILABLE', 'a newer stream of this gateway took over');
}

/** The gateway waits long before it asks again, and shows this to its people. */
export function revokedError(): AppError {
  const message = 'this gateway was revoked; enrol it again with a new claim code';
  return new AppError('CERTIFICATE_REJECTED', message);
}
