import { loadConfig } from '@holdfast/shared/runtime/config.ts';
import { stopOnSignals } from '@holdfast/shared/runtime/process-life.ts';
import { startGateway } from '../../../edge/process.ts';
import { gatewaySettingsSchema } from '../../../edge/settings.ts';
import { plantFromEnvironment, victimRuntime } from '../kill/victim-runtime.ts';
import { plantInBuffer } from './plants.ts';

// The product's gateway, with steps that kill and, when asked for, one planted bug.
const settings = loadConfig(gatewaySettingsSchema, { env: process.env });
const runtime = await victimRuntime('gateway', settings.logLevel);
const planted = plantInBuffer(plantFromEnvironment());
const decoration = planted ? { buffer: planted } : {};
const gateway = await startGateway({ settings, runtime, decoration });
stopOnSignals(gateway.stop, runtime.log);
