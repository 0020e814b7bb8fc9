import { expect, it } from 'vitest';
import { describeMetric } from './metric-name.ts';

it.each([
  ['temperature', 'Temperature', ''],
  ['temperature_c', 'Temperature', '°C'],
  ['internal_temperature_c', 'Internal temperature', '°C'],
  ['co2_ppm', 'CO₂', 'ppm'],
  ['rssi_dbm', 'RSSI', 'dBm'],
  ['accel_x_g', 'Accel x', 'g'],
  ['movement_counter', 'Movement counter', ''],
  ['door.angle', 'Door · angle', ''],
  ['c', 'C', ''],
  ['_', '', ''],
])('reads %s as %s in "%s"', (metric, label, unit) => {
  expect(describeMetric(metric)).toEqual({ label, unit });
});
