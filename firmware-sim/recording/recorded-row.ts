/** The columns of a recording, in this order. */
export const COLUMNS = ['ts_iso', 'device', 'metric', 'value'] as const;
export const HEADER = COLUMNS.join(',');

export interface RecordedRow {
  /** As recorded. */
  readonly ts: string;
  readonly tsMs: number;
  readonly device: string;
  readonly metric: string;
  /** A JSON number, with the digits of the recording, or `true` or `false`. */
  readonly value: string;
}

export type ParsedRow =
  | { readonly kind: 'row'; readonly row: RecordedRow }
  /** `problem` names the column. */
  | { readonly kind: 'malformed'; readonly problem: string };

const NAME_BYTES_MAX = 128;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const LOOSE_NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

export function parseRow(line: string): ParsedRow {
  const fields = splitFields(line);
  if (!fields) return malformed(COLUMNS.length, 'a quote is not closed');
  if (fields.length < COLUMNS.length) return malformed(fields.length + 1, 'is missing');
  if (fields.length > COLUMNS.length) return malformed(fields.length, 'is one too many');
  const [ts, device, metric, value] = fields as [string, string, string, string];
  const tsMs = TIME.test(ts) ? Date.parse(ts) : Number.NaN;
  if (Number.isNaN(tsMs))
    return malformed(1, `${quote(ts)} is not a time like 2026-01-31T12:00:00Z`);
  for (const [column, name] of [device, metric].entries()) {
    const wrong = problemOfName(name);
    if (wrong) return malformed(column + 2, wrong);
  }
  const literal = literalOf(value);
  if (literal === undefined)
    return malformed(4, `${quote(value)} is neither a number nor true or false`);
  return { kind: 'row', row: { ts, tsMs, device, metric, value: literal } };
}

function malformed(column: number, what: string): ParsedRow {
  const name = COLUMNS[column - 1];
  return { kind: 'malformed', problem: `column ${column}${name ? ` (${name})` : ''}: ${what}` };
}

function problemOfName(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `is longer than ${NAME_BYTES_MAX} bytes`;
  return undefined;
}

function literalOf(value: string): string | undefined {
  if (value === 'true' || value === 'false') return value;
  if (!LOOSE_NUMBER.test(value) || !Number.isFinite(Number(value))) return undefined;
  return JSON_NUMBER.test(value) ? value : String(Number(value));
}

/** One line of RFC 4180; undefined when a quoted field does not end on it. */
function splitFields(line: string): string[] | undefined {
  if (!line.includes('"')) return line.split(',');
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  while (field.lastIndex <= line.length) {
    const match = field.exec(line);
    if (!match) return undefined;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === '') return fields;
  }
  return fields;
}

function quote(text: string): string {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return JSON.stringify(shown);
}
