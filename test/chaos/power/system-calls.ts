/** One call of a traced process, in the order of the tracer. */
export interface SystemCall {
  readonly name: string;
  /** As strace prints them, every text and path in `\xHH`. */
  readonly args: string;
  readonly result: number;
  /** The places in the trace where the call was entered and left. */
  readonly begun: number;
  readonly done: number;
}

const NEWLINE = 0x0a;
const UNFINISHED = ' <unfinished ...>';
const RESUMED = / resumed>/;

/**
 * The calls in a file of `strace -f -y -xx` that name something below a folder, and succeeded. A
 * call during which another thread or process did something stands on two lines; it is given back
 * where it ended.
 */
export function* systemCalls(trace: Buffer, within: string): Generator<SystemCall> {
  const marker = Buffer.from(hexText(within), 'latin1');
  const open = new Map<string, { head: string; begun: number }>();
  let at = 0;
  for (let start = 0; start < trace.length; at++) {
    const newline = trace.indexOf(NEWLINE, start);
    const end = newline < 0 ? trace.length : newline;
    const line = trace.subarray(start, end);
    start = end + 1;
    const space = line.indexOf(0x20);
    const thread = line.toString('latin1', 0, space);
    if (line.includes(marker)) {
      const text = line.toString('latin1', space).trimStart();
      const resumed = RESUMED.exec(text.slice(0, 40));
      if (!resumed) {
        open.delete(thread);
        if (text.endsWith(UNFINISHED)) {
          open.set(thread, { head: text.slice(0, -UNFINISHED.length), begun: at });
          continue;
        }
        const call = parseCall(text, at, at);
        if (call) yield call;
        continue;
      }
    }
    const pending = open.get(thread);
    if (!pending) continue;
    const text = line.toString('latin1', space).trimStart();
    const resumed = RESUMED.exec(text.slice(0, 40));
    open.delete(thread);
    if (!resumed) continue; // The thread was killed in the call.
    const rest = text.slice(resumed.index + resumed[0].length);
    const call = parseCall(pending.head + rest, pending.begun, at);
    if (call) yield call;
  }
}

function parseCall(text: string, begun: number, done: number): SystemCall | undefined {
  const open = text.indexOf('(');
  const equals = text.lastIndexOf(' = ');
  if (open < 0 || equals < 0) return undefined;
  const result = Number.parseInt(text.slice(equals + 3), 10);
  if (!(result >= 0)) return undefined;
  const close = text.lastIndexOf(')', equals);
  return { name: text.slice(0, open), args: text.slice(open + 1, close), result, begun, done };
}

/** The path that `-y` prints behind a descriptor: `21<\x2f…>`; undefined when it was deleted. */
export function descriptorPath(args: string): string | undefined {
  const open = args.indexOf('<');
  const close = args.indexOf('>', open);
  if (open < 0 || args.startsWith('(deleted)', close + 1)) return undefined;
  return hexBytes(args.slice(open + 1, close)).toString();
}

/** Every quoted text of the arguments, as bytes. */
export function quoted(args: string): Buffer[] {
  const texts: Buffer[] = [];
  for (let open = args.indexOf('"'); open >= 0; ) {
    const close = args.indexOf('"', open + 1);
    if (args.startsWith('...', close + 1)) throw new Error('the trace has a text that was cut');
    texts.push(hexBytes(args.slice(open + 1, close)));
    open = args.indexOf('"', close + 1);
  }
  return texts;
}

export function lastNumber(args: string): number {
  return Number(args.slice(args.lastIndexOf(',') + 1));
}

function hexText(text: string): string {
  return [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

function hexBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(text.length / 4);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = (digit(text, at * 4 + 2) << 4) | digit(text, at * 4 + 3);
  }
  return bytes;
}

/** 0 to 9 are 0x30 on, a to f are 0x61 on. */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 0x3a ? code - 0x30 : code - 0x57;
}
