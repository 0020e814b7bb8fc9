import type {
  SyncRequest,
  SyncResponse,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { GatewayCredentials } from '../identity/credentials.ts';

/**
 * One stream to the cloud.
 *
 * - Frames arrive in the order in which they were sent, or not at all. After a break nothing is
 *   known of what arrived.
 * - `onEnd` is called once, also after `cancel` and `close`; without an error when the cloud ended
 *   the stream in good order.
 * - After `onEnd`, `onFrame` is not called again.
 */
export interface Link {
  /**
   * Resolves when the frame has left for the socket, or when the stream is over: the pace of the
   * line. Never rejects.
   */
  send(request: SyncRequest): Promise<void>;
  /** Ends the stream after what was sent. */
  close(): void;
  /** Cuts the stream at once; `onEnd` gets `error`. */
  cancel(error: AppError): void;
}

export interface LinkEvents {
  /**
   * The cloud knows of this stream. A Hello that left before could arrive after the next stream's,
   * and mislead it.
   */
  onOpen(): void;
  onFrame(response: SyncResponse): void;
  onEnd(error: AppError | undefined): void;
}

/** Connects; a failure comes by `onEnd`. */
export type OpenLink = (credentials: GatewayCredentials, events: LinkEvents) => Link;
