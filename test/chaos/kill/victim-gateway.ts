import { loadConfig } from '@holdfast/shared/runtime/config.ts';
import { stopOnSignals } from '@holdfast/shared/runtime/process-life.ts';
import { startGateway } from '../../../edge/process.ts';
import { gatewaySettingsSchema } from '../../../edge/settings.ts';
import { plantInBuffer } from './planted-gateway.ts';
import { isPlant, type Plant } from './plants.ts';
import { plantFromEnvironment, victimRuntime } from './victim-runtime.ts';

// The product's gateway, with steps that kill and, when asked for, one planted bug.
const settings = loadConfig(gatewaySettingsSchema, { env: process.env });
const runtime = await victimRuntime('gateway', settings.logLevel);
const plant = plantFromEnvironment();
const decoration = isPlant(plant) ? { buffer: plantInBuffer(plant as Plant, runtime) } : {};
const gateway = await startGateway({ settings, runtime, decoration });
stopOnSignals(gateway.stop, runtime.log);
