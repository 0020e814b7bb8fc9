/** A place in a topic: what comes next in each partition, and when it was so. */
export interface Cursor {
  readonly atMs: number;
  readonly next: readonly bigint[];
}

const FORM = /^1((\.[0-9a-z]{1,13})+)$/;

/** Opaque to clients; short, so that it fits into the reason of a closing frame. */
export function formatCursor({ atMs, next }: Cursor): string {
  let text = `1.${Math.floor(atMs / 1000).toString(36)}`;
  for (const offset of next) text += `.${offset.toString(36)}`;
  return text;
}

/** Undefined when it is no cursor of a topic with so many partitions. */
export function parseCursor(text: string, partitionCount: number): Cursor | undefined {
  const numbers = FORM.exec(text)?.[1]?.slice(1).split('.');
  if (numbers?.length !== partitionCount + 1) return undefined;
  const [seconds, ...next] = numbers;
  return { atMs: Number.parseInt(seconds!, 36) * 1000, next: next.map(bigintOf) };
}

function bigintOf(text: string): bigint {
  let value = 0n;
  for (const digit of text) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value;
}
