/** The device's own key: with it a message that comes twice is recognised. */
export interface DeviceKey {
  readonly boot: string;
  readonly seq: number;
}

export interface Reading {
  /** A JSON literal. */
  readonly value: string;
  readonly unit?: string | undefined;
  readonly event?: string | undefined;
  /** The device's clock, RFC 3339. */
  readonly ts: string;
  readonly key?: DeviceKey | undefined;
}

/** `{"value":-21.4,"unit":"Cel","ts":"…","boot":"…","seq":7}`, with the digits that `value` has. */
export function payloadOf({ value, unit, event, ts, key }: Reading): string {
  const fields = [
    ...(event === undefined ? [] : [`"event":${JSON.stringify(event)}`]),
    `"value":${value}`,
    ...(unit === undefined ? [] : [`"unit":${JSON.stringify(unit)}`]),
    `"ts":${JSON.stringify(ts)}`,
    ...(key ? [`"boot":${JSON.stringify(key.boot)}`, `"seq":${key.seq}`] : []),
  ];
  return `{${fields.join(',')}}`;
}
