import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';

/** A gateway that says nothing for this long counts as lost, whatever its last word was. */
export const SILENCE_MS_MAX = 15_000;

/** As the last event left it. */
export const GATEWAY_STATES = ['connected', 'disconnected', 'fenced'] as const;
export type GatewayState = (typeof GATEWAY_STATES)[number];

export interface GatewayStanding {
  readonly state: GatewayState;
  readonly reason: string | null;
  /** Microseconds since 1970. */
  readonly lastSeen: bigint;
}

/**
 * As it is seen at a moment. Lost is who broke off without a word, whether edge-link lived to say
 * so or not.
 */
export function seenState(gateway: GatewayStanding, now: bigint): GatewayState | 'lost' {
  if (gateway.state === 'disconnected' && gateway.reason === 'lost') return 'lost';
  if (gateway.state !== 'connected') return gateway.state;
  return now - gateway.lastSeen > BigInt(SILENCE_MS_MAX) * 1000n ? 'lost' : 'connected';
}

/**
 * What the gateway accepted and neither settled itself nor is held here. Its ledger is older than
 * what is held.
 */
export function lagOf(ledger: LaneLedger, held: bigint): number {
  const settled = ledger.parked + ledger.dropped + ledger.damaged;
  return Math.max(0, ledger.accepted - settled - Number(held));
}
