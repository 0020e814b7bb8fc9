import type { Device } from './api.ts';

/** Each word must occur in the device's id, site, gateway or a metric. */
export function matchDevices(devices: readonly Device[], search: string): readonly Device[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return devices;
  return devices.filter((device) => {
    const metrics = device.metrics.map((metric) => metric.metric);
    const text = [device.id, device.site, device.gatewayId, ...metrics].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
