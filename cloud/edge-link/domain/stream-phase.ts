import type { SyncRequest } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';

/**
 * The life of one gateway's stream, as a total table. Frames are handled one after the other, so
 * that `greeting` is over before the next frame is looked at: a frame that waited is judged by the
 * phase that it finds.
 */
export const STREAM_PHASES = ['opened', 'greeting', 'welcomed', 'streaming', 'ended'] as const;
export type StreamPhase = (typeof STREAM_PHASES)[number];

export const FRAME_KINDS = ['hello', 'turnHeld', 'block', 'report', 'unknown'] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];

export type FrameAction =
  | 'greet'
  /** The gateway shows that the Welcome's turn is on its disk. */
  | 'show-turn'
  /**
   * A block after the Welcome shows its turn, too: the gateway sends none before it holds the turn.
   */
  | 'show-turn-and-take'
  | 'take'
  | 'report'
  | 'ignore'
  /** The peer breaks the protocol: the stream ends with INVALID_ARGUMENT. */
  | 'violation';

const TABLE: Readonly<Record<StreamPhase, Readonly<Record<FrameKind, FrameAction>>>> = {
  opened: {
    hello: 'greet',
    turnHeld: 'violation',
    block: 'violation',
    report: 'violation',
    unknown: 'violation',
  },
  greeting: {
    hello: 'violation',
    turnHeld: 'violation',
    block: 'violation',
    report: 'violation',
    unknown: 'violation',
  },
  welcomed: {
    hello: 'violation',
    turnHeld: 'show-turn',
    block: 'show-turn-and-take',
    report: 'report',
    unknown: 'ignore',
  },
  streaming: {
    hello: 'violation',
    turnHeld: 'violation',
    block: 'take',
    report: 'report',
    // A newer gateway may send frames that this release does not know.
    unknown: 'ignore',
  },
  ended: {
    hello: 'ignore',
    turnHeld: 'ignore',
    block: 'ignore',
    report: 'ignore',
    unknown: 'ignore',
  },
};

export function frameAction(phase: StreamPhase, kind: FrameKind): FrameAction {
  return TABLE[phase][kind];
}

export function frameKind(request: SyncRequest): FrameKind {
  return request.frame?.$case ?? 'unknown';
}
