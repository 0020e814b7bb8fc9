import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { environment, printLine, runCommand } from '@holdfast/shared/runtime/command-line.ts';
import { loadConfig, printConfig } from '@holdfast/shared/runtime/config.ts';
import { stopOnSignals } from '@holdfast/shared/runtime/process-life.ts';
import { systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { tracingOptions } from '@holdfast/shared/runtime/tracing-settings.ts';
import { Command } from 'commander';
import { startCloud, VERSION } from './process.ts';
import { type CloudSettings, cloudSettingsSchema } from './settings.ts';
import { selectTargets, type TargetName, targetTable } from './targets.ts';

interface RunOptions {
  readonly target: string;
  readonly config?: string;
  readonly printConfig?: boolean;
}

/** `holdfast-cloud`: the commands of the cloud. */
export function createProgram(): Command {
  const program = new Command('holdfast-cloud')
    .description('The cloud side of Holdfast: its services, in one process or one each.')
    .version(VERSION)
    .option('--list-targets', 'print what can run, and what each target needs')
    .action((options: { listTargets?: boolean }, command: Command) => {
      if (options.listTargets) printLine(targetTable());
      else command.help();
    });
  program
    .command('run')
    .description('run targets until a signal')
    .requiredOption('--target <names>', 'all, or a list such as edge-link,telemetry')
    .option('--config <file>', 'a YAML file; each setting also as HOLDFAST_… in the environment')
    .option('--print-config', 'print the resulting settings without secrets, and end')
    .action((options: RunOptions) => runCommand(() => run(options)));
  program
    .command('development-logins')
    .description('print the logins that auth.developmentUsers made, as JSON')
    .option('--config <file>', 'a YAML file')
    .action((options: { config?: string }) => runCommand(() => printLogins(options)));
  return program;
}

async function run(options: RunOptions): Promise<void> {
  const targets = targetsOf(options.target);
  const settings = loadSettings(options.config);
  if (options.printConfig) return printLine(printConfig(settings));
  const runtime = await systemRuntime({
    name: `cloud:${options.target}`,
    logLevel: settings.logLevel,
    tracing: tracingOptions(settings.tracing, settings.dataDir),
  });
  const cloud = await startCloud({ targets, settings, runtime });
  stopOnSignals(cloud.stop, runtime.log);
}

export function loadSettings(file: string | undefined): CloudSettings {
  return loadConfig(cloudSettingsSchema, { file, env: environment() });
}

function targetsOf(list: string): readonly TargetName[] {
  const selection = selectTargets(list);
  if (selection.kind === 'targets') return selection.targets;
  throw new AppError('CONFIG_INVALID', `there is no target "${selection.name}"`, {
    hint: `--target takes all, or some of:\n${targetTable()}`,
  });
}

async function printLogins(options: { config?: string }): Promise<void> {
  const settings = loadSettings(options.config);
  const { openLogins } = await import('./wiring.ts');
  printLine(JSON.stringify(await openLogins(settings)));
}
