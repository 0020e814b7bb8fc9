import { parseArgs } from 'node:util';
import { runKill } from './kill/kill.ts';
import { isPlant, PLANTS } from './kill/plants.ts';

const HELP = `npm run torture -- kill [--cycles N] [--seed S] [--plant NAME]

Kills the gateway, the cloud with its edge-link, or both, once a cycle, at a drawn step, under load
of keyed and unkeyed messages with QoS 0, 1 and 2 and a partition now and then. Then everything
drains, and both ends are compared.
The last line is: acked A, stored S, delivered D, condensed C, dropped R, lost 0, duplicated 0

  --cycles N    how many kills (default 50)
  --seed S      takes a run back (default: drawn, and printed)
  --plant NAME  plants a bug, which the run must find:
${Object.entries(PLANTS)
  .map(([name, text]) => `                  ${name}: ${text}`)
  .join('\n')}
`;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      cycles: { type: 'string', default: '50' },
      seed: { type: 'string' },
      plant: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help || positionals.length !== 1 || positionals[0] !== 'kill') {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const plant = values.plant;
  if (plant !== undefined && !isPlant(plant)) {
    say(`there is no planted bug "${plant}"; there are: ${Object.keys(PLANTS).join(', ')}`);
    return 2;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  say(`seed ${seed}`);
  const report = await runKill({
    cycles: Number(values.cycles),
    seed,
    progress: say,
    ...(plant === undefined ? {} : { plant }),
  });
  for (const [step, count] of [...report.deaths].toSorted()) say(`died at ${step}: ${count}`);
  say(`partitions: ${report.partitions}`);
  const { verdict } = report;
  for (const finding of verdict.findings) say(`found: ${finding}`);
  process.stdout.write(
    `acked ${verdict.acked}, stored ${verdict.stored}, delivered ${verdict.delivered}, ` +
      `condensed ${verdict.condensed}, dropped ${verdict.dropped}, ` +
      `lost ${verdict.lost}, duplicated ${verdict.duplicated}\n`,
  );
  return verdict.lost + verdict.duplicated === 0 ? 0 : 1;
}

process.exitCode = await main();
