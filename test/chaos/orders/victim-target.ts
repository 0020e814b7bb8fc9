import { parseArgs } from 'node:util';
import { loadConfig } from '@holdfast/shared/runtime/config.ts';
import { stopOnSignals } from '@holdfast/shared/runtime/process-life.ts';
import { startCloud } from '../../../cloud/process.ts';
import { cloudSettingsSchema } from '../../../cloud/settings.ts';
import { selectTargets } from '../../../cloud/targets.ts';
import { victimRuntime } from '../kill/victim-runtime.ts';

// Some targets of the product's cloud, with steps that kill.
const { values } = parseArgs({
  allowPositionals: true,
  options: { target: { type: 'string', default: 'all' } },
});
const selection = selectTargets(values.target);
if (selection.kind === 'unknown') throw new Error(`no target ${selection.name}`);
const settings = loadConfig(cloudSettingsSchema, { env: process.env });
const runtime = await victimRuntime('cloud', settings.logLevel);
const cloud = await startCloud({ targets: selection.targets, settings, runtime });
stopOnSignals(cloud.stop, runtime.log);
