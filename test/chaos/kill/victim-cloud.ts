import { loadConfig } from '@holdfast/shared/runtime/config.ts';
import { stopOnSignals } from '@holdfast/shared/runtime/process-life.ts';
import { startCloud } from '../../../cloud/process.ts';
import { cloudSettingsSchema } from '../../../cloud/settings.ts';
import { TARGET_NAMES } from '../../../cloud/targets.ts';
import { plantInCloud } from './planted-cloud.ts';
import { isPlant } from './plants.ts';
import { plantFromEnvironment, victimRuntime } from './victim-runtime.ts';

// The product's cloud, with steps that kill and, when asked for, one planted bug.
const settings = loadConfig(cloudSettingsSchema, { env: process.env });
const runtime = await victimRuntime('cloud', settings.logLevel);
const plant = plantFromEnvironment();
const decoration = isPlant(plant) ? plantInCloud(plant, runtime) : {};
const cloud = await startCloud({ targets: TARGET_NAMES, settings, runtime, decoration });
stopOnSignals(cloud.stop, runtime.log);
