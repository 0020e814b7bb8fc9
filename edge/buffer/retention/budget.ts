/** The volume that the buffer's file lies on. */
export interface VolumeSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface BudgetFacts {
  /** By the settings: what the lanes `event` and `telemetry` may use. */
  readonly bytesMax: number;
  readonly volumeShareMax: number;
  /** What the file takes now, whether or not it holds something everywhere. */
  readonly fileBytes: number;
  /** Undefined when nobody knows. */
  readonly volume: VolumeSpace | undefined;
}

/** What is left free on the volume for the write-ahead log, other files and `stock`. */
const HEADROOM_BYTES_MAX = 32 * 1024 * 1024;
const HEADROOM_SHARE = 1 / 8;
/** Above this share of the budget telemetry is condensed; up to here, once it has begun. */
const CONDENSE_ABOVE = 0.85;
const CONDENSE_DOWN_TO = 0.75;
/** Above this it is dropped. */
const DROP_ABOVE = 0.9;
/** Telemetry stops here, so that events still find room. */
const TELEMETRY_SHARE = 0.97;

/**
 * What `event` and `telemetry` may use: by bytes, by share of the volume, and never so much that
 * the file grows into the volume's headroom, whoever else fills it.
 */
export function budgetOf({ bytesMax, volumeShareMax, fileBytes, volume }: BudgetFacts): number {
  if (!volume) return bytesMax;
  const share = volume.totalBytes * volumeShareMax;
  const room = fileBytes + Math.max(0, volume.freeBytes - headroomOf(volume));
  return Math.max(0, Math.floor(Math.min(bytesMax, share, room)));
}

export function headroomOf({ totalBytes }: VolumeSpace): number {
  return Math.min(HEADROOM_BYTES_MAX, totalBytes * HEADROOM_SHARE);
}

/** Where the lane stops accepting. */
export function limitOf(lane: 'event' | 'telemetry', budget: number): number {
  return lane === 'event' ? budget : Math.floor(budget * TELEMETRY_SHARE);
}

export interface Pressure {
  /** Condensing begins. */
  readonly isHigh: boolean;
  /** Condensing goes on, once it has begun. */
  readonly isRaised: boolean;
  /** What cannot be condensed any more is dropped. */
  readonly isSevere: boolean;
}

/** One message that wants a larger share of the budget is not worth what would have to go. */
const WANTED_SHARE_MAX = 0.3;

export function pressureOf(
  used: number,
  { budget, wanted }: { readonly budget: number; readonly wanted: number },
): Pressure {
  const usedBytes = used + (wanted <= budget * WANTED_SHARE_MAX ? wanted : 0);
  return {
    isHigh: usedBytes > budget * CONDENSE_ABOVE,
    isRaised: usedBytes > budget * CONDENSE_DOWN_TO,
    isSevere: usedBytes > budget * DROP_ABOVE,
  };
}
