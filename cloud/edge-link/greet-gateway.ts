import type { GatewayName } from '@holdfast/shared/contracts/gateway-identity.ts';
import type {
  Hello,
  SyncResponse,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import { positionToWire } from '@holdfast/shared/domain/ranges.ts';
import type { FenceReason } from './domain/fencing.ts';
import { PROTOCOL_VERSION, readHello } from './domain/hello.ts';
import type { ClaimedLane } from './domain/lane-claims.ts';
import type { GreetedLane } from './domain/lane-holdings.ts';
import type { StreamDeps } from './gateway-stream.ts';
import type { StreamIdentity } from './store/gateways.ts';
import { greet, turnedAway } from './store/greeting.ts';

const TURN_BYTES = 16;

export interface GreetOptions {
  readonly peer: GatewayName;
  readonly streamId: string;
  readonly welcomesAtOpen: bigint;
  /**
   * Ends the gateway's older stream. A copy that is turned away anyway must not disturb the one
   * that is served.
   */
  readonly takeOver: () => Promise<void>;
  /** False when the stream ended meanwhile: no turn is given out for nobody. */
  readonly isOpen: () => boolean;
}

export type Greeted =
  | {
      readonly kind: 'welcome';
      readonly identity: StreamIdentity;
      /** Hexadecimal. */
      readonly turn: string;
      readonly lanes: readonly GreetedLane[];
      /** As the Hello stated them. */
      readonly claimed: readonly ClaimedLane[];
    }
  | { readonly kind: 'fenced'; readonly reason: FenceReason }
  | { readonly kind: 'stale' }
  | { readonly kind: 'revoked' }
  | { readonly kind: 'gone' };

/**
 * From the Hello to the stored outcome: the positions have caught up with the log before anything
 * is judged.
 */
export async function greetGateway(
  deps: StreamDeps,
  hello: Hello,
  options: GreetOptions,
): Promise<Greeted> {
  const { peer, streamId, welcomesAtOpen } = options;
  const { incarnation, ...claims } = readHello(hello, peer);
  const { gatewayId } = peer;
  const asked = { gatewayId, incarnation, welcomesAtOpen };
  const refusal = await deps.sql.read((db) => turnedAway(db, asked));
  if (refusal) return refusal;
  await options.takeOver();
  await deps.positions.caughtUp(gatewayId, deps.settings.catchUpTimeoutMs);
  if (!options.isOpen()) return { kind: 'gone' };
  const identity = { streamId, peer, incarnation };
  const freshTurn = deps.runtime.random.bytes(TURN_BYTES).toString('hex');
  const { outbox } = deps;
  const nowMicros = deps.runtime.clock.nowMicros();
  const facts = { ...claims, stream: identity, welcomesAtOpen, freshTurn, nowMicros, outbox };
  const greeting = await deps.sql.transaction((tx) => greet(tx, facts));
  deps.relay.nudge();
  if (greeting.kind !== 'welcome') return greeting;
  const { lanes } = greeting;
  return { kind: 'welcome', identity, turn: freshTurn, lanes, claimed: claims.lanes };
}

export interface WelcomeOptions {
  /** Hexadecimal. */
  readonly turn: string;
  readonly creditBytes: number;
  readonly retrySpreadMs: number;
  readonly nowMicros: bigint;
}

export function welcomeFrame(
  lanes: readonly GreetedLane[],
  { turn, creditBytes, retrySpreadMs, nowMicros }: WelcomeOptions,
): SyncResponse {
  const positions = lanes.flatMap(({ incarnation, lane, durable, told }) =>
    told ? { incarnation, lane: laneToWire(lane), durable: positionToWire(durable) } : [],
  );
  const value = {
    protocolVersion: PROTOCOL_VERSION,
    features: [],
    positions,
    timeUnixMicros: nowMicros,
    creditBytes: BigInt(creditBytes),
    turn: Buffer.from(turn, 'hex'),
    retrySpreadMs,
  };
  return { frame: { $case: 'welcome', value } };
}

const FENCE_HINTS = {
  turn: 'two copies of this gateway spoke, or an older copy came back: enrol the one to keep again',
  position: 'this gateway was restored from a backup: enrol it again to go on',
} as const satisfies Record<FenceReason, string>;

export function fencedFrame(incarnation: string, reason: FenceReason): SyncResponse {
  const value = { incarnation, code: 'INCARNATION_FENCED', hint: FENCE_HINTS[reason] };
  return { frame: { $case: 'fenced', value } };
}
