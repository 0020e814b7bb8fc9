import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { systemRandom } from '@holdfast/shared/runtime/random.ts';
import { Command, InvalidArgumentError, Option } from 'commander';
import { atMost, integer, positive, rate, speed } from './arguments.ts';
import type { Summary } from './link/tally.ts';
import { onStage, say } from './on-stage.ts';
import { record } from './record.ts';
import type { Speed } from './recording/pace.ts';
import { replay } from './replay.ts';
import { runScenario, SCENARIOS, STOCK_CHOICES, type StockChoice } from './run-scenario.ts';
import { DEVICES_MAX, QOS_CHOICES, type QosChoice } from './scenario/cold-store.ts';
import { FAULTS, type FaultSet, NO_FAULTS, parseFaults } from './scenario/faults.ts';

const DEFAULT_URL = 'mqtt://127.0.0.1:1883';
const DEFAULT_DEVICES = 50;
/** Each device speaks every so often, unless --rate says otherwise. */
const DEFAULT_PERIOD_S = 10;
const RUN_EXAMPLES = `
Run a scenario:
  holdfast-sim run --scenario cold-store
  holdfast-sim run --scenario cold-store --seed 7 --rate 500 --duration 60 --faults default
  holdfast-sim run --scenario cold-store --devices 5 --faults dropout,skew
`;
const REPLAY_EXAMPLES = `
Publish a recording:
  holdfast-sim replay --csv firmware-sim/recordings/cold-store.csv --loop --now
  holdfast-sim replay --csv sensors.csv --speed 60
  holdfast-sim replay --csv sensors.csv --speed max --strict
`;
const RECORD_EXAMPLES = `
Make a recording:
  holdfast-sim record --scenario cold-store --seed 7 --duration 900 --out cold-store.csv
`;

/** Runs one command, and returns the process's exit code: 0 when all was acknowledged. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command('holdfast-sim')
    .description('Simulated devices: a black-box client of the gateway, over MQTT.')
    .addCommand(runCommand((summary) => (code = exitCodeOf(summary))))
    .addCommand(replayCommand((summary) => (code = exitCodeOf(summary))))
    .addCommand(recordCommand())
    .addHelpText('after', `${RUN_EXAMPLES}${REPLAY_EXAMPLES}${RECORD_EXAMPLES}`)
    .showHelpAfterError('(add --help for the options)');
  try {
    await program.parseAsync(words);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    say(`holdfast-sim: ${error.message}${error.hint ? `\n  ${error.hint}` : ''}`);
    code = 1;
  }
  return code;
}

type Done = (summary: Summary) => void;

interface ScenarioFlags {
  readonly scenario: (typeof SCENARIOS)[number];
  readonly seed: number;
  readonly devices: number;
  readonly rate?: number;
}

interface RunFlags extends ScenarioFlags {
  readonly url: string;
  readonly duration?: number;
  readonly faults: FaultSet;
  readonly qos: QosChoice;
  readonly stock: StockChoice;
  readonly runId: string;
}

function runCommand(done: Done): Command {
  const command = new Command('run')
    .description('Run a scenario in real time: one connection per device.')
    .option('--url <url>', 'the gateway', DEFAULT_URL)
    .option('--duration <seconds>', 'end after so long (default: at Ctrl-C)', positive)
    .addOption(faultsOption())
    .addOption(qosOption())
    .addOption(stockOption())
    .addOption(runIdOption())
    .addHelpText('after', RUN_EXAMPLES);
  return withScenario(command).action(async (flags: RunFlags) => {
    const options = { ...flags, ...scenarioOf(flags), durationMs: inMs(flags.duration) };
    done(await onStage(flags.seed, (stage) => runScenario({ ...options, ...stage })));
  });
}

interface ReplayFlags {
  readonly csv: string;
  readonly url: string;
  readonly speed: Speed;
  readonly loop: boolean;
  readonly now: boolean;
  readonly strict: boolean;
  readonly runId: string;
}

function replayCommand(done: Done): Command {
  return new Command('replay')
    .description('Publish a recording: a CSV file with the columns ts_iso,device,metric,value.')
    .requiredOption('--csv <file>', 'the recording')
    .option('--url <url>', 'the gateway', DEFAULT_URL)
    .option('--speed <factor>', 'so many times faster; 0 or max: as fast as acknowledged', speed, 1)
    .option('--loop', 'from the beginning again, until Ctrl-C', false)
    .option('--now', 'move the times, so that the recording starts now', false)
    .option('--strict', 'end at the first malformed row', false)
    .addOption(runIdOption())
    .addHelpText('after', REPLAY_EXAMPLES)
    .action(async (flags: ReplayFlags) => {
      const summary = await onStage(undefined, (stage) =>
        replay({ ...flags, ...stage, onNote: say }),
      );
      if (summary.malformed > 0) say(`${summary.malformed} malformed rows were left out`);
      done(summary);
    });
}

function recordCommand(): Command {
  const command = new Command('record')
    .description('Write a scenario’s readings as a recording, without a broker.')
    .requiredOption('--duration <seconds>', 'how long', positive)
    .requiredOption('--out <file>', 'the CSV file')
    .addHelpText('after', RECORD_EXAMPLES);
  return withScenario(command).action(
    (flags: ScenarioFlags & { duration: number; out: string }) => {
      const durationMs = flags.duration * 1_000;
      const rows = record({ ...scenarioOf(flags), durationMs, out: flags.out });
      say(`${rows} readings written to ${flags.out}`);
    },
  );
}

function withScenario(command: Command): Command {
  return command
    .addOption(
      new Option('--scenario <name>', 'what happens').choices(SCENARIOS).makeOptionMandatory(),
    )
    .option('--seed <n>', 'the same seed gives the same readings', integer, 1)
    .option('--devices <n>', `at most ${DEVICES_MAX}`, atMost(DEVICES_MAX), DEFAULT_DEVICES)
    .option(
      '--rate <n>',
      `readings a second, of all devices (default: devices / ${DEFAULT_PERIOD_S})`,
      rate,
    );
}

function scenarioOf({ seed, devices, rate: perSecond }: ScenarioFlags) {
  return { seed, deviceCount: devices, rate: perSecond ?? devices / DEFAULT_PERIOD_S };
}

function faultsOption(): Option {
  return new Option('--faults <names>', `none, default (all), or some of ${FAULTS.join(',')}`)
    .argParser(parseFaults)
    .default(NO_FAULTS, 'none');
}

function stockOption(): Option {
  return new Option(
    '--stock <choice>',
    'with, without, or only the scanner that receives and picks',
  )
    .choices(STOCK_CHOICES)
    .default('with');
}

function qosOption(): Option {
  const qosOf = (text: string): QosChoice => {
    const qos = QOS_CHOICES.find((choice) => String(choice) === text);
    if (qos !== undefined) return qos;
    throw new InvalidArgumentError(`one of ${QOS_CHOICES.join(', ')}.`);
  };
  return new Option('--qos <level>', 'mixed (mostly 1), 0, 1 or 2')
    .argParser(qosOf)
    .default('mixed' satisfies QosChoice);
}

function runIdOption(): Option {
  return new Option(
    '--run-id <text>',
    'part of the devices’ keys: the same id repeats a run',
  ).default(systemRandom.bytes(4).toString('hex'), 'drawn');
}

function exitCodeOf({ notAcknowledged }: Summary): number {
  return notAcknowledged === 0 ? 0 : 1;
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1_000;
}
