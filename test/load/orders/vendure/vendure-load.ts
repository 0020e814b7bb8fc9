import type { GeneratorFigures } from '../generating.ts';

/** What the server is told, as JSON in its first argument. */
export interface VendureServer {
  /** Where the package is installed. */
  readonly folder: string;
  /** For its database file and what it imports. */
  readonly dataDir: string;
  readonly port: number;
  /** Without it, an SQLite file in its data folder. */
  readonly postgresUrl?: string;
}

/** The last line that the server prints when it has its product and may be asked. */
export const READY = 'vendure is ready';

/** What the generator is told, as JSON in its first argument. */
export interface VendureLoad {
  /** Of the shop API. */
  readonly url: string;
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What it prints as its last line. */
export interface VendureLoadResult extends GeneratorFigures {
  /** Paid in the measured time. */
  readonly confirmed: number;
  /** Given up in the measured time: one of their calls answered an error. */
  readonly failed: number;
  readonly firstFailure?: string;
  /** Paid in the warm-up, too: what the CPU seconds were spent on. */
  readonly ordersInAll: number;
  readonly seconds: number;
}
