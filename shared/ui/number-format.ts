/** Numbers as people read them. The pages are in English, so the separators are too. */
const counts = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const values = new Intl.NumberFormat('en', { maximumFractionDigits: 3 });
const largeValues = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

export function formatCount(count: number): string {
  return counts.format(count);
}

/** A measured value: enough digits to see it change, not so many that the eye has to search. */
export function formatValue(value: number | boolean | string): string {
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'string') return value;
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e9)) return value.toExponential(2);
  return (size >= 1000 ? largeValues : values).format(value);
}

const BYTE_UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

export function formatBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < BYTE_UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${size.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/** "one device", "12 devices": the sentence stays right when there is only one. */
export function formatPlural(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
