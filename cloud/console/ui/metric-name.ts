export interface MetricName {
  readonly label: string;
  /** '' when the name tells none. */
  readonly unit: string;
}

/** Units by the name's last part, as sensors and their drivers spell them. */
const UNITS: Record<string, string> = {
  c: '°C',
  f: '°F',
  k: 'K',
  pct: '%',
  percent: '%',
  hpa: 'hPa',
  kpa: 'kPa',
  pa: 'Pa',
  bar: 'bar',
  v: 'V',
  mv: 'mV',
  a: 'A',
  ma: 'mA',
  w: 'W',
  kw: 'kW',
  kwh: 'kWh',
  wh: 'Wh',
  hz: 'Hz',
  ppm: 'ppm',
  ppb: 'ppb',
  lux: 'lx',
  dbm: 'dBm',
  db: 'dB',
  g: 'g',
  kg: 'kg',
  mm: 'mm',
  cm: 'cm',
  m: 'm',
  s: 's',
  ms: 'ms',
};

const SPELLINGS: Record<string, string> = {
  co2: 'CO₂',
  rssi: 'RSSI',
  ph: 'pH',
  voc: 'VOC',
  id: 'ID',
};

/**
 * "temperature_c" → Temperature in °C; "door.angle" → Door · angle. A lone word is never taken for
 * a unit.
 */
export function describeMetric(metric: string): MetricName {
  const words = metric.split('_').filter((word) => word !== '');
  const last = words.at(-1)?.toLowerCase() ?? '';
  const unit = words.length > 1 ? (UNITS[last] ?? '') : '';
  const spoken = (unit === '' ? words : words.slice(0, -1)).join(' ');
  const label = spoken
    .split(/(?=[ .])|(?<=[ .])/)
    .map((word) => (word === '.' ? ' · ' : (SPELLINGS[word.toLowerCase()] ?? word)))
    .join('');
  return { label: label.charAt(0).toUpperCase() + label.slice(1), unit };
}
