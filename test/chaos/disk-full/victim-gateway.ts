import { loadConfig } from '@holdfast/shared/runtime/config.ts';
import { stopOnSignals } from '@holdfast/shared/runtime/process-life.ts';
import { systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { noSteps } from '@holdfast/shared/runtime/steps.ts';
import { startGateway } from '../../../edge/process.ts';
import { gatewaySettingsSchema } from '../../../edge/settings.ts';
import { killingSteps, PLANT_VARIABLE, sentenceFromEnvironment } from '../kill/killing-steps.ts';
import { plantInBuffer } from './plants.ts';

// The product's gateway, with steps that kill and, when asked for, one planted bug.
const settings = loadConfig(gatewaySettingsSchema, { env: process.env });
const sentence = sentenceFromEnvironment();
const runtime = await systemRuntime({
  name: 'gateway',
  logLevel: settings.logLevel,
  steps: sentence ? killingSteps(sentence) : noSteps,
});
const planted = plantInBuffer(process.env[PLANT_VARIABLE] ?? '');
const decoration = planted ? { buffer: planted } : {};
const gateway = await startGateway({ settings, runtime, decoration });
stopOnSignals(gateway.stop, runtime.log);
