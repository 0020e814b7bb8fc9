import type { Lane } from '@holdfast/shared/contracts/lanes.ts';

/** Where a message belongs. */
export interface Route {
  readonly lane: Lane;
  readonly device?: string;
  readonly channel?: string;
}

/** A topic with `{device}` and `{channel}` standing for one level each. */
export interface RouteRule {
  readonly topic: string;
  readonly lane: Lane;
  /** The channel when the topic has none of its own; a name in braces is filled in. */
  readonly channel?: string;
}

/** The default routes (architecture §8). */
export const DEFAULT_ROUTES: readonly RouteRule[] = [
  { topic: 'devices/{device}/telemetry/{channel}', lane: 'telemetry' },
  { topic: 'devices/{device}/stock', lane: 'stock' },
  { topic: 'devices/{device}/event', lane: 'event' },
  // What a device was told, and what it answered, is as precious as what it reports of itself.
  { topic: 'devices/{device}/commands/{name}', lane: 'event', channel: 'commands/{name}' },
  {
    topic: 'devices/{device}/commands/{name}/reply',
    lane: 'event',
    channel: 'commands/{name}/reply',
  },
];

/** A topic that no rule knows is kept all the same. */
const UNROUTED: Route = { lane: 'telemetry' };

/** Topics are few and come again and again. */
const ROUTES_CACHED_MAX = 10_000;

export type Router = (topic: string) => Route;

/** The first rule that fits a topic decides. */
export function createRouter(rules: readonly RouteRule[] = DEFAULT_ROUTES): Router {
  const compiled = rules.map((rule) => ({ ...rule, levels: rule.topic.split('/') }));
  const cache = new Map<string, Route>();
  return (topic) => {
    const known = cache.get(topic);
    if (known) return known;
    const route = find(compiled, topic.split('/'));
    if (cache.size >= ROUTES_CACHED_MAX) cache.clear();
    cache.set(topic, route);
    return route;
  };
}

type CompiledRule = RouteRule & { readonly levels: readonly string[] };

function find(rules: readonly CompiledRule[], levels: readonly string[]): Route {
  for (const rule of rules) {
    const places = fit(rule.levels, levels);
    if (!places) continue;
    const device = places.get('device');
    const channel = rule.channel ? fillIn(rule.channel, places) : places.get('channel');
    return {
      lane: rule.lane,
      ...(device === undefined ? {} : { device }),
      ...(channel === undefined ? {} : { channel }),
    };
  }
  return UNROUTED;
}

/**
 * What stands in the places, or undefined when the topic is another. An empty level fills no place.
 */
function fit(
  pattern: readonly string[],
  levels: readonly string[],
): ReadonlyMap<string, string> | undefined {
  if (pattern.length !== levels.length) return undefined;
  const places = new Map<string, string>();
  for (const [at, part] of pattern.entries()) {
    const level = levels[at]!;
    const place = placeName(part);
    if (place === undefined ? part !== level : level === '') return undefined;
    if (place !== undefined) places.set(place, level);
  }
  return places;
}

function placeName(part: string): string | undefined {
  return part.startsWith('{') && part.endsWith('}') ? part.slice(1, -1) : undefined;
}

function fillIn(text: string, places: ReadonlyMap<string, string>): string {
  return text.replace(/\{([^}]+)\}/g, (whole, name: string) => places.get(name) ?? whole);
}
