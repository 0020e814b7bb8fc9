import { environment, printLine, runCommand } from '@holdfast/shared/runtime/command-line.ts';
import { loadConfig, printConfig } from '@holdfast/shared/runtime/config.ts';
import { stopOnSignals } from '@holdfast/shared/runtime/process-life.ts';
import { tracingOptions } from '@holdfast/shared/runtime/tracing-settings.ts';
import { Command } from 'commander';
import { wireInspection } from '../buffer/inspection/wiring.ts';
import { type GatewaySettings, gatewaySettingsSchema } from '../settings.ts';
import { VERSION } from '../version.ts';
import { addBufferCommands } from './buffer-commands.ts';

interface CommonOptions {
  readonly config?: string;
}

/**
 * `holdfast-gateway`: the commands of the gateway. What only one of them needs is loaded by it: a
 * look inside a buffer takes neither broker nor uplink into memory.
 */
export function createProgram(): Command {
  const program = new Command('holdfast-gateway')
    .description('The edge gateway: takes MQTT, keeps it on disk, and streams it to the cloud.')
    .version(VERSION);
  const withConfig = (command: Command): Command =>
    command.option(
      '--config <file>',
      'a YAML file; each setting also as HOLDFAST_… in the environment',
    );
  withConfig(program.command('run'))
    .description('run the gateway until a signal')
    .option('--print-config', 'print the resulting settings without secrets, and end')
    .action((options: CommonOptions & { printConfig?: boolean }) => runCommand(() => run(options)));
  withConfig(program.command('enroll'))
    .description('bind this gateway to a cloud by a claim code')
    .argument('<claim-code>', 'what an administrator got from POST /v1/gateways/claims')
    .requiredOption('--cloud <url>', "the cloud's HTTP, for example https://cloud.example:8080")
    .option('--again', 'take a new identity, though this gateway has one; the buffer is kept')
    .action((claimCode: string, options: EnrolOptions) =>
      runCommand(() => runEnroll(claimCode, options)),
    );
  withConfig(program.command('status'))
    .description('show lanes, uplink and modules of the running gateway')
    .option('--json', 'as JSON')
    .action((options: CommonOptions & { json?: boolean }) =>
      runCommand(async () => {
        const { printStatus } = await import('./status-page.ts');
        await printStatus(loadSettings(options.config), options.json === true);
      }),
    );
  addBufferCommands(program, ({ config, file }) =>
    wireInspection(loadSettings(config).dataDir, file),
  );
  program
    .command('version')
    .description('print the version')
    .action(() => printLine(VERSION));
  return program;
}

async function run(options: CommonOptions & { printConfig?: boolean }): Promise<void> {
  const settings = loadSettings(options.config);
  if (options.printConfig) return printLine(printConfig(settings));
  const { systemRuntime } = await import('@holdfast/shared/runtime/runtime.ts');
  const { startGateway } = await import('../process.ts');
  const runtime = await systemRuntime({
    name: 'gateway',
    logLevel: settings.logLevel,
    tracing: tracingOptions(settings.tracing, settings.dataDir),
  });
  const gateway = await startGateway({ settings, runtime });
  stopOnSignals(gateway.stop, runtime.log);
}

type EnrolOptions = CommonOptions & { readonly cloud: string; readonly again?: boolean };

async function runEnroll(claimCode: string, options: EnrolOptions): Promise<void> {
  const { dataDir, logLevel } = loadSettings(options.config);
  const { systemRuntime } = await import('@holdfast/shared/runtime/runtime.ts');
  const { enroll } = await import('../identity/enroll.ts');
  const runtime = await systemRuntime({ name: 'gateway', logLevel });
  const again = options.again === true;
  const credentials = await enroll({ claimCode, cloudUrl: options.cloud, dataDir, runtime, again });
  printLine(`enrolled as ${credentials.gatewayId} at ${credentials.tenant}/${credentials.site}`);
}

export function loadSettings(file: string | undefined): GatewaySettings {
  return loadConfig(gatewaySettingsSchema, { file, env: environment() });
}
