import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';
import type { GatewayName } from '@holdfast/shared/contracts/gateway-identity.ts';
import type {
  GatewayReport,
  Hello,
  LanePosition,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneFromWire } from '@holdfast/shared/contracts/lanes.ts';
import { positionFromWire } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { ClaimedLane } from './lane-claims.ts';

export const PROTOCOL_VERSION = 1;
const LANE_POSITIONS_MAX = 1024;
const TURN_BYTES = 16;
const SEQUENCE_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

export interface ReadHello {
  readonly incarnation: string;
  /** Hexadecimal. */
  readonly lastTurn: string;
  readonly softwareVersion: string;
  readonly lanes: readonly ClaimedLane[];
}

/** A Hello that means what it says. Throws FORBIDDEN, PROTOCOL_UNSUPPORTED or REQUEST_INVALID. */
export function readHello(hello: Hello, peer: GatewayName): ReadHello {
  if (hello.gatewayId !== peer.gatewayId) {
    throw new AppError('FORBIDDEN', 'the Hello names another gateway than the certificate', {
      hint: `this certificate speaks for ${peer.gatewayId}`,
    });
  }
  if (hello.protocolVersion < PROTOCOL_VERSION) {
    throw new AppError('PROTOCOL_UNSUPPORTED', `protocol version ${hello.protocolVersion}`, {
      hint: `this cloud speaks version ${PROTOCOL_VERSION}: update the gateway`,
    });
  }
  if (!isName(hello.incarnation)) throw invalid('/incarnation');
  if (![0, TURN_BYTES].includes(hello.lastTurn.length)) throw invalid('/last_turn');
  if (hello.positions.length > LANE_POSITIONS_MAX) throw invalid('/positions');
  return {
    incarnation: hello.incarnation,
    lastTurn: hello.lastTurn.toString('hex'),
    softwareVersion: hello.softwareVersion.slice(0, 64),
    lanes: hello.positions.map(readLane),
  };
}

/**
 * A report as the ledger's event carries it. Lanes that this release does not know are left out.
 */
export function readReport(report: GatewayReport): readonly LaneLedger[] {
  return report.lanes.flatMap(({ lane: wire, ...counts }) => {
    const lane = laneFromWire(wire);
    if (!lane) return [];
    return {
      lane,
      accepted: Number(counts.accepted),
      delivered: Number(counts.delivered),
      parked: Number(counts.parked),
      condensed: Number(counts.condensed),
      dropped: Number(counts.dropped),
      damaged: Number(counts.damaged),
      pending: Number(counts.pending),
      backlog: Number(counts.backlog),
      unkeyed: Number(counts.unkeyed),
      duplicates: Number(counts.duplicates),
    };
  });
}

/** Incarnations are parts of keys and subjects, so they stay plain. */
export function isName(name: string): boolean {
  return NAME.test(name);
}

export function isSequence(sequence: bigint): boolean {
  return sequence >= 1n && sequence <= SEQUENCE_MAX;
}

function readLane(position: LanePosition, index: number): ClaimedLane {
  const at = `/positions/${index}`;
  const lane = laneFromWire(position.lane);
  const acknowledged = positionFromWire(position.acknowledged);
  const settled = positionFromWire(position.settled);
  if (!lane || !isName(position.incarnation)) throw invalid(at);
  if (!acknowledged || !settled || position.accepted > SEQUENCE_MAX) throw invalid(at);
  return {
    incarnation: position.incarnation,
    lane,
    accepted: position.accepted,
    acknowledged,
    settled,
  };
}

function invalid(pointer: string): AppError {
  return new AppError('REQUEST_INVALID', `the Hello is not valid at ${pointer}`, {
    fields: [{ pointer, detail: 'not valid' }],
  });
}
