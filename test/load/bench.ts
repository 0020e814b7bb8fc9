import type { Bench, Print } from './bench-shape.ts';
import { drain } from './drain/drain.ts';
import { footprint } from './footprint/footprint.ts';
import { ingest } from './ingest/ingest.ts';
import { orders } from './orders/orders.ts';

const BENCHES: Readonly<Record<string, Bench>> = { ingest, drain, footprint, orders };

const HELP = `npm run bench -- NAME [options]

Measures Holdfast beside its peers in one run. A peer that is not installed is left out and named.
The last line of the output is the table as JSON.

${Object.entries(BENCHES)
  .map(([name, { summary }]) => `  ${name}    ${summary}`)
  .join('\n')}

npm run bench -- NAME --help lists a bench's options.
`;

const print: Print = {
  progress: (text) => void process.stderr.write(`${text}\n`),
  result: (lines) => void process.stdout.write(`${lines.join('\n')}\n`),
};

async function main(): Promise<number> {
  const [name = '', ...args] = process.argv.slice(2);
  const wantsHelp = [name, ...args].some((arg) => arg === '--help' || arg === '-h');
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (!bench || wantsHelp) {
    process.stdout.write(bench?.help ?? HELP);
    return wantsHelp ? 0 : 2;
  }
  try {
    await bench.run(args, print);
    return 0;
  } catch (error) {
    print.progress(`bench ${name}: ${(error as Error).message}`);
    return 1;
  }
}

process.exitCode = await main();
