/**
 * Live and backlog drain beside each other; neither may use more than this share of the credits, so
 * neither starves.
 */
export const SHARE_MAX = 0.75;

/** Blocks of a kind in flight, however small they are: both ends remember each. */
export const BLOCKS_IN_FLIGHT_MAX = 256;

/** More than this is no use to one line, whatever the cloud grants. */
export const CREDIT_BYTES_MAX = 64 * 1024 * 1024;

export const SEND_KINDS = ['live', 'backlog'] as const;
export type SendKind = (typeof SEND_KINDS)[number];

/** How many bytes of blocks may still go out. */
export interface Credits {
  allows(kind: SendKind, bytes: number): boolean;
  take(kind: SendKind, bytes: number): void;
  /** A block is no longer in flight; its share is free, and the credits come back with `grant`. */
  settle(kind: SendKind, bytes: number): void;
  /** What the cloud gives back. */
  grant(bytes: number): void;
}

/** `welcomeBytes` is what the Welcome granted. */
export function createCredits(welcomeBytes: number): Credits {
  const inFlight: Record<SendKind, number> = { live: 0, backlog: 0 };
  const blocks: Record<SendKind, number> = { live: 0, backlog: 0 };
  let available = welcomeBytes;
  const windowBytes = (): number => Math.max(0, available) + inFlight.live + inFlight.backlog;
  return {
    allows(kind, bytes) {
      // One block always goes: credits below a block's size must not stop the gateway for ever.
      if (blocks.live + blocks.backlog === 0) return true;
      if (bytes > available || blocks[kind] >= BLOCKS_IN_FLIGHT_MAX) return false;
      return blocks[kind] === 0 || inFlight[kind] + bytes <= windowBytes() * SHARE_MAX;
    },
    take(kind, bytes) {
      blocks[kind]++;
      inFlight[kind] += bytes;
      available -= bytes;
    },
    settle(kind, bytes) {
      blocks[kind]--;
      inFlight[kind] -= bytes;
    },
    grant(bytes) {
      available = Math.min(CREDIT_BYTES_MAX, available + bytes);
    },
  };
}
