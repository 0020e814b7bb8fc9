/** Amounts as people read them; the contracts know integers of minor units only (I8). */
export interface Amount {
  readonly currency: string;
  readonly minorUnits: number;
}

const formats = new Map<string, Intl.NumberFormat>();

function formatOf(currency: string): Intl.NumberFormat {
  let format = formats.get(currency);
  if (!format) {
    format = new Intl.NumberFormat('en', { style: 'currency', currency });
    formats.set(currency, format);
  }
  return format;
}

/** How many digits of the currency are minor: 2 for EUR, 0 for JPY, 3 for KWD. */
export function minorDigits(currency: string): number {
  return formatOf(currency).resolvedOptions().maximumFractionDigits ?? 2;
}

/** "€21.45" */
export function formatMoney({ currency, minorUnits }: Amount): string {
  return formatOf(currency).format(minorUnits / 10 ** minorDigits(currency));
}

/** "21.45", as it is typed. */
export function amountText({ currency, minorUnits }: Amount): string {
  return (minorUnits / 10 ** minorDigits(currency)).toFixed(minorDigits(currency));
}

const TYPED = /^(\d{1,10})(?:[.,](\d*))?$/;

/** Minor units of what was typed; undefined when it is no amount of this currency. */
export function parseAmount(text: string, currency: string): number | undefined {
  const match = TYPED.exec(text.trim());
  const digits = minorDigits(currency);
  const fraction = match?.[2] ?? '';
  if (!match || fraction.length > digits) return undefined;
  return Number(match[1] + fraction.padEnd(digits, '0'));
}
