export function wholeNumber(
  name: string,
  text: string,
  range: { readonly min: number; readonly max: number },
): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= range.min && value <= range.max) return value;
  throw new Error(`--${name} is a whole number from ${range.min} to ${range.max}, not "${text}"`);
}

/** In milliseconds. */
export function seconds(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 600) return value * 1000;
  throw new Error(`--${name} is a number of seconds up to 600, not "${text}"`);
}
