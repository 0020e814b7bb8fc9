import type { HttpApp } from '@holdfast/shared/runtime/http.ts';
import type { ModuleStatus } from '@holdfast/shared/runtime/modules.ts';
import type { Uplink } from './uplink/uplink.ts';
import type { GatewayParts } from './wiring.ts';

/**
 * `GET /v1/status`: what `holdfast-gateway status` shows. No token: it listens on loopback, and
 * tells counts and names of parts, no message.
 */
export function addStatus(
  app: HttpApp,
  parts: GatewayParts,
  modules: () => readonly ModuleStatus[],
): void {
  app.get('/v1/status', (c) =>
    c.json({
      gatewayId: parts.credentials?.gatewayId ?? null,
      site: parts.credentials?.site ?? null,
      incarnation: parts.buffer.incarnation,
      uplink: uplinkView(parts.uplink),
      bufferBytes: parts.buffer.bytesOnDisk,
      lanes: parts.buffer.ledger(parts.uplink?.state().lines ?? new Map()),
      modules: modules(),
    }),
  );
}

function uplinkView(uplink: Uplink | undefined) {
  if (!uplink) return { phase: 'not enrolled' };
  const { phase, error, holds } = uplink.state();
  return { phase, holds, ...(error && { error: error.message, hint: error.hint }) };
}
