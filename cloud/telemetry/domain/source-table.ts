import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { boundedName } from '@holdfast/shared/domain/names.ts';
import type { SeriesReadings } from './block-readings.ts';
import { type PayloadScanner, type PayloadShape, shapeOf } from './payload-scanner.ts';
import {
  emptyColumns,
  FLAG_TEXT,
  HOUR_MICROS,
  pushReading,
  type Reading,
  type ReadingColumns,
  readingAt,
} from './reading.ts';

/** What a message says of itself, whatever it measures. */
export type Occasion = Omit<Reading, 'content'>;

/** Shapes of one block that are tried on a source's first payload. */
const SHAPES_MAX = 8;
/** A source whose payloads are never alike is no longer scanned. */
const MISSES_MAX = 16;

/**
 * Series by device, channel and field of one block, so that names are made once and not per record.
 */
export class SourceTable {
  readonly series: SeriesReadings[] = [];
  readonly #lane: Lane;
  readonly #devices = new Map<string, Map<string | undefined, Source>>();
  readonly #shapes: PayloadShape[] = [];

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  at(device: string, channel: string | undefined): Source {
    let channels = this.#devices.get(device);
    if (!channels) {
      channels = new Map();
      this.#devices.set(device, channels);
    }
    let source = channels.get(channel);
    if (!source) {
      const name = boundedName(device);
      source = new Source({ device: name, channel: channel ?? this.#lane }, this);
      channels.set(channel, source);
    }
    return source;
  }

  /** The shape that fits the payload: one that is known, or its own. The scan is of it then. */
  shapeFor(scanner: PayloadScanner, payload: Uint8Array): PayloadShape | undefined {
    const known = this.#shapes.find((shape) => scanner.scan(payload, shape));
    if (known) return known;
    const shape = shapeOf(payload);
    if (!shape || !scanner.scan(payload, shape)) return undefined;
    if (this.#shapes.length < SHAPES_MAX) this.#shapes.push(shape);
    return shape;
  }
}

/** One channel of one device. */
export class Source {
  readonly #name: { readonly device: string; readonly channel: string };
  readonly #table: SourceTable;
  readonly #fields = new Map<string, OpenSeries>();
  #shape: PayloadShape | undefined;
  /** Where the fields of the shape go. */
  #series: readonly OpenSeries[] = [];
  #misses = 0;

  constructor(name: { device: string; channel: string }, table: SourceTable) {
    this.#name = name;
    this.#table = table;
  }

  /** False when the payload has to be measured. */
  scan(scanner: PayloadScanner, payload: Uint8Array): boolean {
    if (this.#shape && scanner.scan(payload, this.#shape)) return true;
    if (this.#misses === MISSES_MAX) return false;
    this.#misses += 1;
    const shape = this.#table.shapeFor(scanner, payload);
    if (!shape) return false;
    this.#shape = shape;
    this.#series = shape.fields.map((field) => this.#at(field));
    return true;
  }

  /** Keeps what the last scan found. */
  keepScanned(scanner: PayloadScanner, occasion: Occasion): void {
    for (let field = 0; field < this.#series.length; field++) {
      const series = this.#series[field]!;
      if (scanner.textTo[field] === 0) series.number(occasion, scanner.numbers[field]!);
      else series.text(occasion, scanner, field);
    }
  }

  keep(field: string, reading: Reading): void {
    this.#at(field).keep(reading);
  }

  #at(field: string): OpenSeries {
    const known = this.#fields.get(field);
    if (known) return known;
    const { device, channel } = this.#name;
    const metric = boundedName(field === '' ? channel : `${channel}.${field}`);
    const series = new OpenSeries(device, metric, this.#table.series);
    this.#fields.set(field, series);
    return series;
  }
}

/** A series while its block is read: listed with its first reading. */
class OpenSeries implements SeriesReadings {
  readonly device: string;
  readonly metric: string;
  readonly hours = new Map<number, ReadingColumns>();
  readonly #all: SeriesReadings[];
  #hour = Number.NaN;
  #columns = emptyColumns();
  /** Most texts of a channel are the same, such as its unit: one copy stands for all. */
  #text: Uint8Array = new Uint8Array();

  constructor(device: string, metric: string, all: SeriesReadings[]) {
    this.device = device;
    this.metric = metric;
    this.#all = all;
  }

  /** Records come in the order of their sequences. */
  get latest(): Reading {
    return readingAt(this.#columns, this.#columns.times.length - 1);
  }

  keep(reading: Reading): void {
    pushReading(this.#columnsAt(reading.time), reading);
  }

  number(occasion: Occasion, value: number): void {
    const columns = this.#columnsAt(occasion.time);
    pushOccasion(columns, occasion, occasion.flags);
    columns.values.push(value);
  }

  text(occasion: Occasion, scanner: PayloadScanner, field: number): void {
    const columns = this.#columnsAt(occasion.time);
    pushOccasion(columns, occasion, occasion.flags | FLAG_TEXT);
    this.#text = scanner.text(field, this.#text);
    columns.values.push(columns.texts.push(this.#text) - 1);
  }

  #columnsAt(time: number): ReadingColumns {
    const hour = time - (time % HOUR_MICROS);
    if (hour === this.#hour) return this.#columns;
    if (this.hours.size === 0) this.#all.push(this);
    const columns = this.hours.get(hour) ?? emptyColumns();
    this.hours.set(hour, columns);
    this.#hour = hour;
    this.#columns = columns;
    return columns;
  }
}

function pushOccasion(columns: ReadingColumns, occasion: Occasion, flags: number): void {
  columns.times.push(occasion.time);
  columns.receivedTimes.push(occasion.receivedTime);
  columns.sequences.push(occasion.sequence);
  columns.flags.push(flags);
}
