import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Pace, PacedPipe } from './paced-pipe.ts';

export interface LinePaceOptions {
  /** Of each direction; undefined is as fast as loopback. */
  readonly bytesPerSecond?: number | undefined;
  /** One way. */
  readonly delayMs?: number | undefined;
}

export interface LineOptions extends LinePaceOptions {
  readonly listenPort: number;
  readonly targetPort: number;
}

/** `up` is from the one who connects to the one who is reached. */
export type Direction = 'up' | 'down';
export const DIRECTIONS: readonly Direction[] = ['up', 'down'];

/**
 * A TCP line between two processes that can be slow, long, cut and torn. What is cut stays open:
 * nothing passes and nothing says so, as with a pulled plug behind a switch.
 */
export interface Line {
  /** Nothing passes in the directions, until `heal`. New connections are cut too. */
  cut(directions?: readonly Direction[]): void;
  heal(): void;
  /** The line gets slower, faster, longer or shorter. */
  repace(options: LinePaceOptions): void;
  /** Every connection ends with a reset. */
  reset(): void;
  /** What the receiving sides got so far. */
  bytes(): Readonly<Record<Direction, number>>;
  connections(): number;
  /** How many there ever were. */
  opened(): number;
  close(): Promise<void>;
}

interface Connection {
  readonly sockets: readonly [Socket, Socket];
  readonly pipes: Readonly<Record<Direction, PacedPipe>>;
}

export async function startLine(options: LineOptions): Promise<Line> {
  const open = new Set<Connection>();
  const cutNow = new Set<Direction>();
  const carried = { up: 0, down: 0 };
  let pace = paceOf(options);
  let openedCount = 0;
  // Half open: what is still on its way arrives after its sender has gone.
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const to = { port: options.targetPort, host: '127.0.0.1', allowHalfOpen: true };
    const far = connect(to);
    const pipe = (direction: Direction, from: Socket, to: Socket): PacedPipe =>
      new PacedPipe({
        from,
        to,
        pace,
        carried: (bytes) => {
          carried[direction] += bytes;
        },
      });
    const connection: Connection = {
      sockets: [near, far],
      pipes: { up: pipe('up', near, far), down: pipe('down', far, near) },
    };
    open.add(connection);
    openedCount++;
    for (const socket of connection.sockets) {
      socket.setNoDelay(true);
      socket.on('error', () => end(connection));
      socket.on('close', () => {
        if (near.closed && far.closed) end(connection);
      });
    }
    for (const direction of cutNow) connection.pipes[direction].cut();
  });

  function end(connection: Connection): void {
    if (!open.delete(connection)) return;
    for (const direction of DIRECTIONS) connection.pipes[direction].stop();
    for (const socket of connection.sockets) socket.destroy();
  }

  await listening(server, options.listenPort);
  return {
    cut(directions = DIRECTIONS) {
      for (const direction of directions) {
        cutNow.add(direction);
        for (const { pipes } of open) pipes[direction].cut();
      }
    },
    heal() {
      cutNow.clear();
      for (const { pipes } of open) for (const direction of DIRECTIONS) pipes[direction].heal();
    },
    repace(changed) {
      pace = paceOf(changed);
      for (const { pipes } of open) for (const name of DIRECTIONS) pipes[name].repace(pace);
    },
    reset() {
      for (const { sockets } of [...open]) for (const socket of sockets) socket.resetAndDestroy();
    },
    bytes: () => ({ ...carried }),
    connections: () => open.size,
    opened: () => openedCount,
    close() {
      for (const connection of [...open]) end(connection);
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function paceOf({ bytesPerSecond, delayMs }: LinePaceOptions): Pace {
  return { bytesPerSecond: bytesPerSecond ?? Number.POSITIVE_INFINITY, delayMs: delayMs ?? 0 };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}
