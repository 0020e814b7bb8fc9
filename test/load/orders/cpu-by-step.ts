import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** By the innermost frame of ours on the stack: who asked for the work of a library. */
const STEPS: readonly (readonly [step: string, path: RegExp])[] = [
  ['outbox, relay', /\/cloud\/platform\/outbox\//],
  ['event log', /\/cloud\/platform\/event-log\//],
  ['peer calls', /\/cloud\/platform\/peer\//],
  ['SOAP client', /\/cloud\/platform\/acquirer\//],
  ['WebSocket', /\/cloud\/platform\/websocket\//],
  ['policy', /\/shared\/platform\/policy\//],
  ['token', /\/shared\/runtime\/access-token\.ts/],
  ['HTTP, validation', /\/(cloud\/platform\/http|shared\/runtime\/http)/],
  ['order', /\/cloud\/order\//],
  ['inventory', /\/(cloud\/inventory|shared\/domain\/stock)/],
  ['payment', /\/cloud\/payment\//],
  ['product', /\/cloud\/product\//],
  ['SQL', /\/shared\/platform\/sql\//],
];
const OTHER = 'runtime, other';

/** Milliseconds of CPU by step, of the largest profile in the folder; idle time is left out. */
export function cpuByStep(folder: string): ReadonlyMap<string, number> {
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
  const largest = texts.toSorted((a, b) => b.length - a.length)[0];
  if (largest === undefined) throw new Error(`no profile in ${folder}`);
  return sums(JSON.parse(largest) as Profile);
}

function sums({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const stepOf = new Map<number, string>();
  const parentOf = new Map<number, number>();
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]));
  for (const { id, children = [] } of nodes) for (const child of children) parentOf.set(child, id);
  const find = (id: number): string => {
    const known = stepOf.get(id);
    if (known !== undefined) return known;
    const { functionName, url } = frames.get(id)!;
    const own = functionName === '(idle)' ? '' : STEPS.find(([, path]) => path.test(url))?.[0];
    const parent = parentOf.get(id);
    const step = own ?? (parent === undefined ? OTHER : find(parent));
    stepOf.set(id, step);
    return step;
  };
  const found = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const step = find(id);
    if (step === '') continue;
    found.set(step, (found.get(step) ?? 0) + timeDeltas[index]! / 1_000);
  }
  return found;
}
