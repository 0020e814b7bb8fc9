import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';
import type {
  Block,
  SyncRequest,
  LanePosition as WireLanePosition,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import { positionToWire } from '@holdfast/shared/domain/ranges.ts';
import type { LanePosition } from '../buffer/buffer.ts';
import { PROTOCOL_VERSION } from './session.ts';

export interface HelloFacts {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly turn: Uint8Array;
  readonly softwareVersion: string;
  readonly positions: readonly LanePosition[];
}

export function helloFrame(facts: HelloFacts): SyncRequest {
  const value = {
    gatewayId: facts.gatewayId,
    incarnation: facts.incarnation,
    protocolVersion: PROTOCOL_VERSION,
    features: [],
    positions: facts.positions.map(wirePosition),
    lastTurn: Buffer.from(facts.turn),
    softwareVersion: facts.softwareVersion,
  };
  return { traceparent: '', frame: { $case: 'hello', value } };
}

export function turnHeldFrame(turn: Buffer): SyncRequest {
  return { traceparent: '', frame: { $case: 'turnHeld', value: { turn } } };
}

/** `traceparent` is the sending span's; '' when the block is not traced. */
export function blockFrame(block: Block, traceparent: string): SyncRequest {
  return { traceparent, frame: { $case: 'block', value: block } };
}

export interface ReportFacts {
  readonly ledger: readonly LaneLedger[];
  readonly bufferBytes: number;
  readonly connectedDevices: number;
  readonly monotonicMicros: bigint;
}

export function reportFrame(facts: ReportFacts): SyncRequest {
  const value = {
    lanes: facts.ledger.map(({ lane, ...counts }) => ({
      lane: laneToWire(lane),
      accepted: BigInt(counts.accepted),
      delivered: BigInt(counts.delivered),
      parked: BigInt(counts.parked),
      condensed: BigInt(counts.condensed),
      dropped: BigInt(counts.dropped),
      damaged: BigInt(counts.damaged),
      pending: BigInt(counts.pending),
      backlog: BigInt(counts.backlog),
      unkeyed: BigInt(counts.unkeyed),
      duplicates: BigInt(counts.duplicates),
    })),
    bufferBytes: BigInt(facts.bufferBytes),
    connectedDevices: facts.connectedDevices,
    monotonicMicros: facts.monotonicMicros,
  };
  return { traceparent: '', frame: { $case: 'report', value } };
}

function wirePosition(position: LanePosition): WireLanePosition {
  return {
    incarnation: position.incarnation,
    lane: laneToWire(position.lane),
    acknowledged: positionToWire(position.acknowledged),
    accepted: position.accepted,
    settled: positionToWire(position.settled),
  };
}
