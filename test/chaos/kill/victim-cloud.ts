import { loadConfig } from '@holdfast/shared/runtime/config.ts';
import { stopOnSignals } from '@holdfast/shared/runtime/process-life.ts';
import { systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { noSteps } from '@holdfast/shared/runtime/steps.ts';
import { startCloud } from '../../../cloud/process.ts';
import { cloudSettingsSchema } from '../../../cloud/settings.ts';
import { TARGET_NAMES } from '../../../cloud/targets.ts';
import { killingSteps, PLANT_VARIABLE, sentenceFromEnvironment } from './killing-steps.ts';
import { plantInCloud } from './planted-cloud.ts';
import { isPlant } from './plants.ts';

// The product's cloud, with steps that kill and, when asked for, one planted bug.
const settings = loadConfig(cloudSettingsSchema, { env: process.env });
const sentence = sentenceFromEnvironment();
const runtime = await systemRuntime({
  name: 'cloud',
  logLevel: settings.logLevel,
  steps: sentence ? killingSteps(sentence) : noSteps,
});
const plant = process.env[PLANT_VARIABLE] ?? '';
const decoration = isPlant(plant) ? plantInCloud(plant, runtime) : {};
const cloud = await startCloud({ targets: TARGET_NAMES, settings, runtime, decoration });
stopOnSignals(cloud.stop, runtime.log);
