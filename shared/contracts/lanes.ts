import { Lane as WireLane } from './gen/holdfast/edge/v1/edge_link.ts';

/** The lanes of the gateway's data path, most precious first (architecture §4). */
export const LANES = ['stock', 'event', 'telemetry'] as const;
export type Lane = (typeof LANES)[number];

const TO_WIRE = {
  stock: WireLane.LANE_STOCK,
  event: WireLane.LANE_EVENT,
  telemetry: WireLane.LANE_TELEMETRY,
} as const;

export function laneToWire(lane: Lane): WireLane {
  return TO_WIRE[lane];
}

/** The lane of a wire value, or undefined when this version does not know it. */
export function laneFromWire(wire: WireLane): Lane | undefined {
  return LANES.find((lane) => TO_WIRE[lane] === wire);
}
