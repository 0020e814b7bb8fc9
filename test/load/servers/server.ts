import type { Ground, Started } from '../ground.ts';

/** An MQTT server that a bench can start: ours, or a peer. */
export interface Server {
  /** As `--peers` and the table name it. */
  readonly name: string;
  /** The Debian package that brings it; none when it comes with this repository. */
  readonly debianPackage?: string;
  /** What its acknowledgement stands for under these settings. */
  readonly settings: string;
  /**
   * Whether a session waits for every message while its client is away. Without one, a peer that
   * keeps messages would have nothing to keep.
   */
  readonly hasKeeper: boolean;
  /** undefined: it is not installed. */
  version(): string | undefined;
  /** Starts it on these ports of loopback; it need not answer yet. Returns its own process. */
  start(ground: Ground, ports: ServerPorts): Started;
}

export interface ServerPorts {
  readonly mqtt: number;
  /** For what a server insists on listening to besides. */
  readonly others: readonly [number, number, number];
}
