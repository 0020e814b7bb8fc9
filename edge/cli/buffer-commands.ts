import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import { runCommand } from '@holdfast/shared/runtime/command-line.ts';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BufferOnDisk } from '../buffer/inspection/buffer-reader.ts';

interface WhichBuffer {
  readonly config?: string;
  readonly file?: string;
}

/** Options that name a part of a lane. */
export interface SpanOptions {
  readonly lane?: Lane;
  readonly incarnation?: string;
  readonly from?: bigint;
  readonly to?: bigint;
}

type Find = (which: WhichBuffer) => BufferOnDisk;

const USAGE_EXIT = 2;

/** `verify`, `inspect` and `export`: they look inside a buffer, whether or not the gateway runs. */
export function addBufferCommands(program: Command, find: Find): void {
  addVerify(program, find);
  addInspect(program, find);
  addExport(program, find);
}

function addVerify(program: Command, find: Find): void {
  bufferCommand(program, 'verify')
    .description('check everything that the buffer holds: checksums, counts, gaps, ledger, file')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExit code: 0 clean, 1 with findings, 2 wrong usage or settings.')
    .addHelpText(
      'after',
      '\nExample:\n  holdfast-gateway verify --config /etc/holdfast/gateway.yaml',
    )
    .action((options: WhichBuffer & { json?: boolean }) =>
      runCommand(async () => {
        const { verify } = await import('./verify.ts');
        await verify(find(options), options.json === true);
      }),
    );
}

function addInspect(program: Command, find: Find): void {
  withSpan(bufferCommand(program, 'inspect'))
    .description('show what the buffer holds, a lane of it, or the life of one message')
    .addOption(laneOption())
    .option('--sequence <number>', 'with --lane: the life of this message', sequence)
    .option('--limit <number>', 'of groups and blocks to list', listLimit, 20)
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
Examples:
  holdfast-gateway inspect
  holdfast-gateway inspect --lane telemetry --from 5000 --limit 5
  holdfast-gateway inspect --lane telemetry --sequence 5012`,
    )
    .action((options: InspectCommand, command: Command) => {
      checkSpan(options, command);
      const needsLane = options.sequence ?? options.from ?? options.to ?? options.incarnation;
      if (needsLane !== undefined && !options.lane) command.error('error: name a --lane, too');
      return runCommand(async () => {
        const { inspect } = await import('./inspect.ts');
        await inspect(find(options), { ...options, json: options.json === true });
      });
    });
}

type InspectCommand = WhichBuffer &
  SpanOptions & { readonly sequence?: bigint; readonly limit: number; readonly json?: boolean };

function addExport(program: Command, find: Find): void {
  withSpan(bufferCommand(program, 'export'))
    .description('write the pending messages of a lane as JSON lines')
    .addOption(laneOption().makeOptionMandatory())
    .option('--out <file>', 'a new file; stdout without it')
    .addHelpText('after', '\nDamaged groups and blocks are named on stderr, skipped, and end in 1.')
    .addHelpText(
      'after',
      '\nExample:\n  holdfast-gateway export --lane telemetry --out pending.jsonl',
    )
    .action(
      (options: WhichBuffer & SpanOptions & { lane: Lane; out?: string }, command: Command) => {
        checkSpan(options, command);
        return runCommand(async () => {
          const { exportMessages } = await import('./export.ts');
          await exportMessages(find(options), options);
        });
      },
    );
}

/** What is wrong in its use ends it with 2, as wrong settings do. */
function bufferCommand(program: Command, name: string): Command {
  return program
    .command(name)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT))
    .option('--config <file>', "the gateway's settings; each also as HOLDFAST_… in the environment")
    .option('--file <file>', 'another buffer file, for example one that was set aside');
}

function withSpan(command: Command): Command {
  return command
    .option('--incarnation <id>', 'of this incarnation')
    .option('--from <number>', 'from this sequence on', sequence)
    .option('--to <number>', 'up to this sequence', sequence);
}

function laneOption(): Option {
  return new Option('--lane <lane>', 'of this lane').choices(LANES);
}

function checkSpan({ from, to }: SpanOptions, command: Command): void {
  if (from !== undefined && to !== undefined && from > to)
    command.error('error: --from is after --to');
}

const SEQUENCE_MAX = 2n ** 48n - 1n;

function sequence(text: string): bigint {
  const value = /^\d{1,15}$/.test(text) ? BigInt(text) : 0n;
  if (value >= 1n && value <= SEQUENCE_MAX) return value;
  throw new InvalidArgumentError('give a sequence: an integer of at least 1.');
}

function listLimit(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= 100_000) return value;
  throw new InvalidArgumentError('give an integer from 1 to 100000.');
}
