import { dirname } from 'node:path';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Fates } from './fates.ts';
import type { DiskOperation } from './operations.ts';
import { changed, type DataChange, EMPTY_FILE, type FileState, surviving } from './torn-file.ts';

/** A file or a folder by its identity: names point at it. */
interface Node {
  readonly folder: boolean;
  /** As of its last sync. */
  safe: FileState;
  /** What came since, in order. */
  unsafe: { readonly done: number; readonly change: DataChange }[];
}

/** Which names change at once: one, or the two of a rename. */
interface NameChange {
  readonly done: number;
  readonly names: readonly { readonly path: string; readonly node: Node | undefined }[];
}

/** What a machine finds: each path with its mode, a file with its bytes. */
export type Tree = ReadonlyMap<string, { readonly mode: number; readonly bytes?: Buffer }>;

const FOLDER_MODE = 0o700;
const SHARED_INDEX = '-shm';
const SHARED_INDEX_BYTES = 32 * 1024;

/**
 * One machine's disk, as weak as POSIX lets it be: that is what ALICE checks applications against
 * (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014), and close to what
 * CrashMonkey found file systems to do (Mohan et al., "Finding Crash-Consistency Bugs with Bounded
 * Black-Box Crash Testing", OSDI 2018):
 *
 * - fsync and fdatasync of a file make its bytes, size and mode durable, and no name of it;
 * - fsync of a folder makes its names durable: created, renamed, linked and removed ones;
 * - data without a sync is kept or lost sector by sector, in any order. A sector holds what it held
 *   at some moment since the last sync, because the page cache goes out as it is at that moment: so
 *   what was synced is never torn (SQLite's "powersafe overwrite");
 * - a size without a sync is any that the file had since; sectors that it gained and that were not
 *   written hold zeros, or what lay on the disk before (ext4 with data=writeback);
 * - a change of names without a sync is kept or lost by itself, a rename as one; or all of them up
 *   to a moment are kept, as a journal does it (ext4 with data=ordered, XFS).
 *
 * Not modelled: a disk that lies about its flush, and decay, which `torture -- damage` is for.
 */
export class Disk {
  readonly #root: string;
  /** Names as the programs see them, and as they lie on the disk. */
  readonly #seen = new Map<string, Node>();
  readonly #durable = new Map<string, Node>();
  #changes: NameChange[] = [];

  /** The root itself was there long before. */
  constructor(root: string) {
    this.#root = root;
    const node = newNode({ folder: true, mode: FOLDER_MODE });
    this.#seen.set(root, node);
    this.#durable.set(root, node);
  }

  apply(operation: DiskOperation, { begun, done }: { begun: number; done: number }): void {
    const { path } = operation;
    switch (operation.kind) {
      case 'create':
      case 'create-folder': {
        if (path === this.#root) break;
        const folder = operation.kind === 'create-folder';
        this.#rename(done, { path, node: newNode({ folder, mode: operation.mode }) });
        break;
      }
      case 'link':
        this.#rename(done, { path: operation.to, node: this.#node(path) });
        break;
      case 'rename':
        assert(!this.#node(path).folder, 'no folder is renamed');
        this.#rename(
          done,
          { path, node: undefined },
          { path: operation.to, node: this.#node(path) },
        );
        break;
      case 'remove':
        this.#rename(done, { path, node: undefined });
        break;
      case 'sync':
        this.#sync(path, begun);
        break;
      default:
        this.#node(path).unsafe.push({ done, change: operation });
    }
  }

  /** What is there when the machine goes on: the programs died, the page cache did not. */
  present(): Tree {
    return treeOf(this.#seen, this.#root, (node, path) =>
      path.endsWith(SHARED_INDEX) ? undefined : fileAfter(node, { kind: 'kept' }),
    );
  }

  /** What is there after a power cut. */
  cut(fates: Fates): Tree {
    const names = new Map(this.#durable);
    for (const [index, change] of this.#changes.entries()) {
      if (fates.keepsName(index, this.#changes.length)) applyNames(names, change);
    }
    return treeOf(names, this.#root, (node, path) =>
      path.endsWith(SHARED_INDEX) ? noiseFile(fates) : fileAfter(node, fates.ofFile()),
    );
  }

  #rename(done: number, ...names: NameChange['names']): void {
    const change = { done, names };
    applyNames(this.#seen, change);
    this.#changes.push(change);
  }

  #sync(path: string, begun: number): void {
    const node = this.#node(path);
    for (const { done, change } of node.unsafe)
      if (done <= begun) node.safe = changed(node.safe, change);
    node.unsafe = node.unsafe.filter(({ done }) => done > begun);
    if (!node.folder) return;
    this.#changes = this.#changes.filter((change) => {
      const here = change.names.some((name) => dirname(name.path) === path);
      if (!here || change.done > begun) return true;
      applyNames(this.#durable, change);
      return false;
    });
  }

  #node(path: string): Node {
    const node = this.#seen.get(path);
    assert(node, `${path} is there`);
    return node;
  }
}

function newNode({ folder, mode }: { folder: boolean; mode: number }): Node {
  return { folder, safe: { ...EMPTY_FILE, mode }, unsafe: [] };
}

function applyNames(names: Map<string, Node>, change: NameChange): void {
  for (const { path, node } of change.names)
    if (node) names.set(path, node);
    else names.delete(path);
}

function fileAfter(node: Node, fate: ReturnType<Fates['ofFile']>): FileState {
  const changes = node.unsafe.map(({ change }) => change);
  return surviving(node.safe, changes, fate);
}

function noiseFile(fates: Fates): FileState | undefined {
  const noise = fates.noise();
  if (noise === 'lost') return undefined;
  const zeros = noise === 'zeros';
  const bytes = zeros ? Buffer.alloc(SHARED_INDEX_BYTES) : noise.bytes(SHARED_INDEX_BYTES);
  return { bytes, size: bytes.length, mode: 0o644 };
}

/** What hangs below a folder whose own name was lost is not there. */
function treeOf(
  names: ReadonlyMap<string, Node>,
  root: string,
  read: (node: Node, path: string) => FileState | undefined,
): Tree {
  const tree = new Map<string, { mode: number; bytes?: Buffer }>();
  for (const [path, node] of [...names].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (path !== root && !tree.has(dirname(path))) continue;
    if (node.folder) tree.set(path, { mode: node.safe.mode });
    else {
      const file = read(node, path);
      if (file) tree.set(path, { mode: file.mode, bytes: file.bytes.subarray(0, file.size) });
    }
  }
  return tree;
}
