import { parseArgs } from 'node:util';
import { damage } from './damage/torture-damage.ts';
import { diskFull } from './disk-full/torture-disk-full.ts';
import { kill } from './kill/torture-kill.ts';
import { orders, stockOfThirty } from './orders/torture-orders.ts';
import { partition } from './partition/torture-partition.ts';
import { power } from './power/torture-power.ts';
import type { Torture, TortureReport } from './torture-shape.ts';

const TORTURES: Readonly<Record<string, Torture>> = {
  damage,
  'disk-full': diskFull,
  kill,
  orders,
  partition,
  power,
  'stock-of-30': stockOfThirty,
};

const HELP = `npm run torture -- NAME [--cycles N] [--seed S] [--only N] [--plant NAME]

Each loads a gateway with keyed and unkeyed messages of QoS 0, 1 and 2, does its worst, lets
everything drain, and compares both ends.
The last line is: acked A, stored S, delivered D, condensed C, dropped R, lost 0, duplicated 0

  --cycles N    how often
  --seed S      takes a run back (default: drawn, and printed)
  --only N      damage: this cycle of the run alone
  --plant NAME  plants a bug, which the run must find
  --trace FILE  power: cuts into a trace that a failed run kept, instead of recording

${Object.entries(TORTURES)
  .map(([name, torture]) => describe(name, torture))
  .join('\n')}
`;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      cycles: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      plant: { type: 'string' },
      trace: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [name = ''] = positionals;
  const torture = Object.hasOwn(TORTURES, name) ? TORTURES[name] : undefined;
  if (values.help || positionals.length !== 1 || !torture) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const { plant, trace } = values;
  if (plant !== undefined && !Object.hasOwn(torture.plants, plant)) {
    say(`${name} has no planted bug "${plant}"; it has: ${Object.keys(torture.plants).join(', ')}`);
    return 2;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  say(`seed ${seed}`);
  const cycles = Number(values.cycles ?? torture.cyclesDefault);
  const only = values.only === undefined ? undefined : Number(values.only);
  if (only !== undefined && !(only >= 1 && only <= cycles)) {
    say(`cycle ${values.only} is none of ${cycles}`);
    return 2;
  }
  return conclude(await torture.run({ cycles, seed, only, plant, trace, progress: say }));
}

function conclude({ verdict, remarks }: TortureReport): number {
  for (const remark of remarks) say(remark);
  for (const finding of verdict.findings) say(`found: ${finding}`);
  process.stdout.write(
    `acked ${verdict.acked}, stored ${verdict.stored}, delivered ${verdict.delivered}, ` +
      `condensed ${verdict.condensed}, dropped ${verdict.dropped}, ` +
      `lost ${verdict.lost}, duplicated ${verdict.duplicated}\n`,
  );
  return verdict.lost + verdict.duplicated === 0 ? 0 : 1;
}

function describe(name: string, { summary, cyclesDefault, plants }: Torture): string {
  const bugs = Object.entries(plants).map(([plant, text]) => `    --plant ${plant}: ${text}`);
  return [`${name}: ${summary} (default: ${cyclesDefault} cycles)`, ...bugs].join('\n');
}

// Not left to the runtime: with a request that a full disk swallowed it spins while it cleans up.
process.exit(await main());
