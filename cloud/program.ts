import type { Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import {
  environment,
  printLine,
  readLine,
  runCommand,
} from '@holdfast/shared/runtime/command-line.ts';
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

interface UserOptions {
  readonly username: string;
  readonly tenant: string;
  readonly roles: string;
  readonly sites: string;
  readonly config?: string;
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
  program
    .command('migrate')
    .description("bring every service's tables up to date; run does the same at its start")
    .option('--config <file>', 'a YAML file')
    .action((options: { config?: string }) => runCommand(() => migrate(options)));
  addUserCommand(program);
  return program;
}

function addUserCommand(program: Command): void {
  program
    .command('users')
    .description('the people who may sign in')
    .command('add')
    .description('add a user; the password (12 characters or more) is the first line of stdin')
    .requiredOption('--username <name>')
    .requiredOption('--tenant <name>')
    .requiredOption('--roles <list>', 'for example administrator, or operator,manager')
    .option('--sites <list>', 'the sites that the roles are for; * is all of the tenant', '*')
    .option('--config <file>', 'a YAML file')
    .action((options: UserOptions) => runCommand(() => addUserFromStdin(options)));
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

async function migrate(options: { config?: string }): Promise<void> {
  const { migrateServices } = await import('./wiring.ts');
  const { settings, runtime } = await commandWorld(options.config);
  printLine(`up to date: ${(await migrateServices(settings, runtime)).join(', ')}`);
}

async function addUserFromStdin(options: UserOptions): Promise<void> {
  const { addUser } = await import('./wiring.ts');
  const user = await addUser(await commandWorld(options.config), {
    username: options.username,
    tenant: options.tenant,
    roles: options.roles.split(',') as Role[],
    sites: options.sites.split(','),
    password: await readLine('password: '),
  });
  printLine(`added ${user.username} (${user.id})`);
}

async function commandWorld(config: string | undefined) {
  const settings = loadSettings(config);
  const runtime = await systemRuntime({ name: 'cloud', logLevel: settings.logLevel });
  return { settings, runtime };
}

async function printLogins(options: { config?: string }): Promise<void> {
  const settings = loadSettings(options.config);
  const { openLogins } = await import('./wiring.ts');
  printLine(JSON.stringify(await openLogins(settings)));
}
