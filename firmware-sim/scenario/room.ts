import type { Random } from '@holdfast/shared/runtime/random.ts';

/**
 * A cold room: air and goods, a compressor with a thermostat, a door to a dock. Temperatures in °C,
 * power in W.
 */
export interface RoomPlan {
  readonly setPoint: number;
  /** Around the set point: the compressor starts above and stops below. */
  readonly band: number;
  /** How fast the running compressor cools the air, kelvin per second. */
  readonly cooling: number;
  readonly ratedPower: number;
}

export const FREEZER: RoomPlan = { setPoint: -22, band: 0.8, cooling: 0.03, ratedPower: 1_900 };
export const CHILLER: RoomPlan = { setPoint: 3, band: 0.4, cooling: 0.018, ratedPower: 1_100 };

const DOCK_TEMPERATURE = 14;
const DOCK_HUMIDITY = 85;
const FAN_POWER = 65;
/** Time constants in seconds: how fast the air follows what it touches. */
const WALL_S = 5_400;
const GOODS_S = 600;
const GOODS_MASS_S = 14_400;
const OPEN_DOOR_S = 240;
const HUMIDITY_S = 60;
/** A door opens once in so many seconds, and stays open for this long. */
const DOOR_CLOSED_S_MEAN = 260;
const DOOR_OPEN_S_MIN = 10;
const DOOR_OPEN_S_SPAN = 70;
/** A motor takes more for its first seconds. */
const INRUSH_S = 3;
const INRUSH_FACTOR = 1.8;

export class Room {
  air: number;
  humidity: number;
  isOpen = false;
  readonly #plan: RoomPlan;
  readonly #random: Random;
  #goods: number;
  #isCooling: boolean;
  #coolingS = INRUSH_S;
  #doorLeftS = 0;

  constructor(plan: RoomPlan, random: Random) {
    this.#plan = plan;
    this.#random = random;
    // Rooms of one building are in different parts of their cycle.
    this.air = plan.setPoint + (random.fraction() * 2 - 1) * plan.band;
    this.#goods = plan.setPoint + (random.fraction() - 0.5) * plan.band;
    this.#isCooling = random.fraction() < 0.5;
    this.humidity = 70 + random.fraction() * 6;
  }

  /** One second goes by. */
  step(): void {
    this.#moveDoor();
    this.#switchCompressor();
    const wall = (DOCK_TEMPERATURE - this.air) / WALL_S;
    const door = this.isOpen ? (DOCK_TEMPERATURE - this.air) / OPEN_DOOR_S : 0;
    const goods = (this.#goods - this.air) / GOODS_S;
    this.#goods += (this.air - this.#goods) / GOODS_MASS_S;
    this.air += wall + door + goods - (this.#isCooling ? this.#plan.cooling : 0);
    this.humidity += (this.#humidityTarget() - this.humidity) / HUMIDITY_S;
  }

  get power(): number {
    if (!this.#isCooling) return FAN_POWER;
    const factor = this.#coolingS < INRUSH_S ? INRUSH_FACTOR : 1;
    return FAN_POWER + this.#plan.ratedPower * factor;
  }

  #moveDoor(): void {
    if (this.isOpen) {
      this.#doorLeftS--;
      this.isOpen = this.#doorLeftS > 0;
    } else if (this.#random.fraction() < 1 / DOOR_CLOSED_S_MEAN) {
      this.isOpen = true;
      this.#doorLeftS = DOOR_OPEN_S_MIN + this.#random.int(DOOR_OPEN_S_SPAN);
    }
  }

  #switchCompressor(): void {
    const { setPoint, band } = this.#plan;
    this.#coolingS++;
    if (this.#isCooling && this.air < setPoint - band) this.#isCooling = false;
    else if (!this.#isCooling && this.air > setPoint + band) {
      this.#isCooling = true;
      this.#coolingS = 0;
    }
  }

  #humidityTarget(): number {
    if (this.isOpen) return DOCK_HUMIDITY;
    return this.#isCooling ? 66 : 76;
  }
}
