import type { Compilable, CompiledQuery, Kysely, QueryResult, Transaction } from 'kysely';
import { assert } from '../../lib/assert.ts';
import type { Reader } from './sql.ts';

/** Of one statement; lists of lengths beyond these are built anew each time. */
const SHAPES_MAX = 128;
/** A list is shorter: PostgreSQL takes 65,535 parameters. */
const LENGTHS = 2 ** 16;

/**
 * A statement that is built once for each technology, and for each length of the lists among its
 * parameters: building and compiling one costs several times what SQLite takes to run it. For what
 * runs with every request; anything else is written where it is used.
 */
export interface Statement<DB, P, R> {
  /** The rows that it gives. */
  all(db: Reader<DB>, parameters: P): Promise<R[]>;
  /** How many rows it changed. */
  run(tx: Transaction<DB>, parameters: P): Promise<bigint>;
}

/** A value, a list of values (`in`), or rows that have the same columns. */
export type Parameters = Readonly<Record<string, unknown>>;

/** Where a parameter of the compiled statement comes from. */
class Place {
  readonly valueIn: (parameters: Parameters) => unknown;

  constructor(valueIn: (parameters: Parameters) => unknown) {
    this.valueIn = valueIn;
  }
}

interface Built {
  readonly query: CompiledQuery;
  /** A place, or a value that `build` wrote itself. */
  readonly slots: readonly unknown[];
  /** Of each parameter that holds rows, how many columns they have. */
  readonly columns: ReadonlyMap<string, number>;
}

/**
 * `build` gets a stand-in for the parameters: its values may be put into the query and nothing
 * else, since they are known only later. A list can be mapped and spread; its length is the real
 * one. No parameter is `undefined` or absent.
 */
export function statement<DB, P extends object>() {
  return <R>(build: (db: Kysely<DB>, parameters: P) => Compilable<R>): Statement<DB, P, R> => {
    const known = new WeakMap<object, Map<number, Built>>();
    const execute = (db: Reader<DB>, given: P): Promise<QueryResult<R>> => {
      const tx = db as unknown as Transaction<DB>;
      const parameters = given as Parameters;
      const { adapter } = tx.getExecutor();
      const shapes = known.get(adapter) ?? new Map<number, Built>();
      if (shapes.size === 0) known.set(adapter, shapes);
      const shape = shapeOf(parameters);
      let built = shapes.get(shape);
      if (!built) {
        built = compile(build(tx, standIn(parameters) as P), parameters);
        if (shapes.size < SHAPES_MAX) shapes.set(shape, built);
      }
      return tx.executeQuery<R>(fill(built, parameters) as CompiledQuery<R>);
    };
    return {
      all: async (db, parameters) => (await execute(db, parameters)).rows,
      run: async (tx, parameters) => (await execute(tx, parameters)).numAffectedRows ?? 0n,
    };
  };
}

/** The lengths of its lists, as the digits of one number: the names are always the same. */
function shapeOf(parameters: Parameters): number {
  let shape = 0;
  for (const name in parameters) {
    const value = parameters[name];
    if (!Array.isArray(value)) continue;
    assert(value.length < LENGTHS, 'a list fits into a statement');
    shape = shape * LENGTHS + value.length;
  }
  return shape;
}

function standIn(parameters: Parameters): Parameters {
  const places: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parameters)) {
    places[name] = Array.isArray(value)
      ? value.map((each: unknown, index) => itemPlace(name, index, each))
      : new Place((given) => given[name]);
  }
  return places;
}

function itemPlace(name: string, index: number, item: unknown): unknown {
  const at = (given: Parameters): unknown => (given[name] as readonly unknown[])[index];
  if (!isRow(item)) return new Place(at);
  const columns = Object.keys(item).map((column) => {
    return [column, new Place((given) => (at(given) as Parameters)[column])] as const;
  });
  return Object.fromEntries(columns);
}

function isRow(item: unknown): item is Parameters {
  return typeof item === 'object' && item !== null && !(item instanceof Uint8Array);
}

function compile(compilable: Compilable, parameters: Parameters): Built {
  const query = compilable.compile();
  const columns = new Map<string, number>();
  for (const [name, value] of Object.entries(parameters)) {
    const first: unknown = Array.isArray(value) ? value[0] : undefined;
    if (isRow(first)) columns.set(name, Object.keys(first).length);
  }
  return { query, slots: query.parameters, columns };
}

function fill({ query, slots, columns }: Built, parameters: Parameters): CompiledQuery {
  for (const [name, count] of columns) {
    // A column that only some rows have would be left out of the others without a word.
    const isSame = (row: object): boolean => Object.keys(row).length === count;
    assert((parameters[name] as object[]).every(isSame), `the rows of ${name} are alike`);
  }
  const values = slots.map((slot) => (slot instanceof Place ? slot.valueIn(parameters) : slot));
  const { sql, queryId } = query;
  return { query: query.query, queryId, sql, parameters: values };
}
