import { resolve } from 'node:path';
import { MARKS_FILE, type Mark } from './marks.ts';
import {
  descriptorPath,
  lastNumber,
  quoted,
  type SystemCall,
  systemCalls,
} from './system-calls.ts';

/**
 * What one call did to the two data folders. Paths are relative to the folder that holds both:
 * `gateway/buffer.sqlite`, `cloud/sql/auth.sqlite`.
 */
export type DiskOperation =
  | { readonly kind: 'create'; readonly path: string; readonly mode: number }
  | { readonly kind: 'create-folder'; readonly path: string; readonly mode: number }
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly offset: number;
      readonly bytes: Buffer;
    }
  | { readonly kind: 'resize'; readonly path: string; readonly size: number }
  | { readonly kind: 'mode'; readonly path: string; readonly mode: number }
  | { readonly kind: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  /** What was done before `begun` is durable from here on. */
  | { readonly kind: 'sync'; readonly path: string };

/** An operation or an observation, in one order. */
export type TraceStep = { readonly begun: number; readonly done: number } & (
  | { readonly operation: DiskOperation; readonly mark?: undefined }
  | { readonly mark: Mark; readonly operation?: undefined }
);

const HOUSE = /^(.*\/holdfast-house-[^/]+)$/;
const DATA_FOLDERS = /^(gateway|cloud)(\/|$)/;
const HEADER_BYTES = 4 * 1024 * 1024;
const MODE_DEFAULT = 0o666;
const UMASK = 0o022;

/** Throws when the trace holds something that the model of the disk does not know. */
export function readTrace(trace: Buffer): readonly TraceStep[] {
  const house = findHouse(trace);
  const reader = new OperationReader(house);
  const steps: TraceStep[] = [];
  for (const call of systemCalls(trace, `${house}/`)) {
    for (const step of reader.read(call)) {
      if (step.mark?.kind === 'finished') return steps;
      steps.push(step);
    }
  }
  return steps;
}

/** The scenario makes the folder of its house before anything else. */
function findHouse(trace: Buffer): string {
  for (const call of systemCalls(trace.subarray(0, HEADER_BYTES), 'holdfast-house-')) {
    const path = call.name === 'mkdir' ? HOUSE.exec(quoted(call.args)[0]!.toString()) : null;
    if (path) return path[1]!;
  }
  throw new Error('the trace does not begin with the folder of a house');
}

/** Follows which files there are, because a call does not say whether it made one. */
class OperationReader {
  readonly #house: string;
  readonly #files = new Set<string>();
  /** Where the next sequential write of a path goes. */
  readonly #positions = new Map<string, number>();

  constructor(house: string) {
    this.#house = `${house}/`;
  }

  *read(call: SystemCall): Generator<TraceStep> {
    const { begun, done } = call;
    if (call.name === 'write' && descriptorPath(call.args) === this.#house + MARKS_FILE) {
      yield { begun, done, mark: JSON.parse(quoted(call.args)[0]!.toString()) as Mark };
      return;
    }
    for (const operation of this.#operations(call)) yield { begun, done, operation };
  }

  *#operations(call: SystemCall): Generator<DiskOperation> {
    switch (call.name) {
      case 'openat':
      case 'open':
      case 'creat':
        yield* this.#opened(call);
        break;
      case 'write':
      case 'writev':
      case 'pwrite64':
      case 'pwritev':
        yield* this.#written(call);
        break;
      case 'mmap':
        this.#mapped(call);
        break;
      case 'ftruncate':
      case 'fchmod':
      case 'fsync':
      case 'fdatasync':
        yield* this.#onDescriptor(call);
        break;
      default:
        yield* this.#onNames(call);
    }
  }

  *#opened({ args }: SystemCall): Generator<DiskOperation> {
    const path = this.#within(quoted(args)[0]!.toString());
    if (path === undefined) return;
    const flags = args.slice(args.lastIndexOf('"') + 1);
    if (/O_D?SYNC|O_DIRECT\b/.test(flags)) throw new Error(`${path} is opened with${flags}`);
    this.#positions.set(path, 0);
    if (this.#files.has(path)) {
      if (flags.includes('O_TRUNC')) yield { kind: 'resize', path, size: 0 };
      return;
    }
    if (!flags.includes('O_CREAT')) return;
    this.#files.add(path);
    const mode = /, (0[0-7]+)$/.exec(flags);
    const wanted = mode ? Number.parseInt(mode[1]!, 8) : MODE_DEFAULT;
    yield { kind: 'create', path, mode: wanted & ~UMASK };
  }

  *#written({ name, args, result }: SystemCall): Generator<DiskOperation> {
    const path = this.#within(descriptorPath(args));
    if (path === undefined) return;
    const bytes = Buffer.concat(quoted(args)).subarray(0, result);
    const positioned = name.startsWith('p');
    const offset = positioned ? lastNumber(args) : (this.#positions.get(path) ?? 0);
    if (!positioned) this.#positions.set(path, offset + bytes.length);
    yield { kind: 'write', path, offset, bytes };
  }

  /** SQLite's index of a write-ahead log is made anew by whoever opens it first. */
  #mapped({ args }: SystemCall): void {
    const path = this.#within(descriptorPath(args));
    if (path === undefined || path.endsWith('-shm')) return;
    if (args.includes('MAP_SHARED') && args.includes('PROT_WRITE'))
      throw new Error(`${path} is written through a mapping, which no trace shows`);
  }

  *#onDescriptor({ name, args }: SystemCall): Generator<DiskOperation> {
    const path = this.#within(descriptorPath(args));
    if (path === undefined) return;
    if (name === 'ftruncate') yield { kind: 'resize', path, size: lastNumber(args) };
    else if (name === 'fchmod') yield { kind: 'mode', path, mode: modeOf(args) };
    else yield { kind: 'sync', path };
  }

  *#onNames(call: SystemCall): Generator<DiskOperation> {
    const { name, args } = call;
    const folder = descriptorPath(args) ?? '/';
    const names = quoted(args).map((text) => resolve(folder, text.toString()));
    const [path, to] = names.map((text) => this.#within(text));
    if (path === undefined && to === undefined && this.#within(folder) === undefined) return;
    switch (name) {
      case 'rename':
      case 'link':
        if (path === undefined || to === undefined) throw unknown(call);
        if (name === 'rename') this.#files.delete(path);
        this.#files.add(to);
        yield { kind: name, path, to };
        break;
      case 'unlink':
      case 'unlinkat':
      case 'rmdir':
        this.#files.delete(path!);
        yield { kind: 'remove', path: path! };
        break;
      case 'mkdir':
        yield { kind: 'create-folder', path: path!, mode: modeOf(args) & ~UMASK };
        break;
      case 'chmod':
        yield { kind: 'mode', path: path!, mode: modeOf(args) };
        break;
      default:
        throw unknown(call);
    }
  }

  #within(path: string | undefined): string | undefined {
    if (!path?.startsWith(this.#house)) return undefined;
    const inner = path.slice(this.#house.length);
    return DATA_FOLDERS.test(inner) ? inner : undefined;
  }
}

function modeOf(args: string): number {
  return Number.parseInt(args.slice(args.lastIndexOf(',') + 1).trim(), 8);
}

function unknown({ name, args }: SystemCall): Error {
  return new Error(`the model of the disk does not know ${name}(${args.slice(0, 400)})`);
}
