import type { Random } from '@holdfast/shared/runtime/random.ts';
import type { Room } from './room.ts';

export const CHANNELS = ['temperature', 'humidity', 'door', 'power'] as const;
export type Channel = (typeof CHANNELS)[number];

/** One device: what it is called, what it measures, and how well. */
export interface Sensor {
  readonly device: string;
  readonly channel: Channel;
  /** UCUM. */
  readonly unit: string | undefined;
  /** A JSON literal: the room as this sensor sees it. */
  read(room: Room): string;
}

export const SENSORS_PER_ROOM = 5;

type Position = 'inside' | 'near-door';

/**
 * The sensors of one room, in a fixed order: two thermometers, a hygrometer, a door contact, a
 * power meter.
 */
export function sensorsOf(room: string, random: Random): Sensor[] {
  return [
    thermometer({ device: `${room}-temp-a`, position: 'inside', random }),
    thermometer({ device: `${room}-temp-b`, position: 'near-door', random }),
    hygrometer(`${room}-humidity`, random),
    doorContact(`${room}-door`),
    powerMeter(`${room}-power`, random),
  ];
}

/** Air near an open door is warmer than the room's; kelvin. */
const DOOR_DRAUGHT = 1.4;

function thermometer(options: { device: string; position: Position; random: Random }): Sensor {
  const { device, position, random } = options;
  const bias = (random.fraction() - 0.5) * 0.4;
  return {
    device,
    channel: 'temperature',
    unit: 'Cel',
    read: ({ air, isOpen }) => {
      const draught = position === 'near-door' && isOpen ? DOOR_DRAUGHT : 0;
      return rounded(air + bias + draught + noise(random) * 0.05, 2);
    },
  };
}

function hygrometer(device: string, random: Random): Sensor {
  const bias = (random.fraction() - 0.5) * 3;
  const read = ({ humidity }: Room): string => {
    const seen = humidity + bias + noise(random) * 0.4;
    return rounded(Math.min(100, Math.max(0, seen)), 1);
  };
  return { device, channel: 'humidity', unit: '%', read };
}

function doorContact(device: string): Sensor {
  return { device, channel: 'door', unit: undefined, read: ({ isOpen }) => (isOpen ? '1' : '0') };
}

function powerMeter(device: string, random: Random): Sensor {
  const read = ({ power }: Room): string => rounded(power * (1 + noise(random) * 0.01), 0);
  return { device, channel: 'power', unit: 'W', read };
}

/** About normal, mean 0, deviation 1, within ±3: the sum of twelve draws, centred. */
function noise(random: Random): number {
  let sum = 0;
  for (let draw = 0; draw < 12; draw++) sum += random.fraction();
  return Math.max(-3, Math.min(3, sum - 6));
}

function rounded(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? '0' : text;
}
