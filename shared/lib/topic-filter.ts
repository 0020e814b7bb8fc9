/**
 * MQTT topic names and filters (MQTT 3.1.1 §4.7), as pure functions over UTF-16 strings without
 * allocation.
 */

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const DOLLAR = 0x24;

/** MQTT limits both to what a length of 16 bits can say, in UTF-8 bytes. */
export const TOPIC_BYTES_MAX = 65_535;

/**
 * A name that may be published to: not empty, without wildcards and NUL [MQTT-4.7.1-1, 4.7.3-1,
 * 4.7.3-2].
 */
export function isTopicName(topic: string): boolean {
  if (topic.length === 0 || topic.length > TOPIC_BYTES_MAX) return false;
  for (let at = 0; at < topic.length; at++) {
    const code = topic.charCodeAt(at);
    if (code === PLUS || code === HASH || code === 0) return false;
  }
  return true;
}

/**
 * A filter whose wildcards stand alone in their level, `#` in the last one only [MQTT-4.7.1-2,
 * 4.7.1-3].
 */
export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0 || filter.length > TOPIC_BYTES_MAX) return false;
  const last = filter.length - 1;
  for (let at = 0; at < filter.length; at++) {
    const code = filter.charCodeAt(at);
    if (code === 0) return false;
    if (code !== PLUS && code !== HASH) continue;
    if (at > 0 && filter.charCodeAt(at - 1) !== SLASH) return false;
    if (code === HASH ? at !== last : at < last && filter.charCodeAt(at + 1) !== SLASH)
      return false;
  }
  return true;
}

/**
 * Whether a valid filter matches a valid name. A leading wildcard never matches a `$` topic
 * [MQTT-4.7.2-1].
 */
export function topicMatches(filter: string, topic: string): boolean {
  if (topic.charCodeAt(0) === DOLLAR && isWildcard(filter.charCodeAt(0))) return false;
  return levelsCover(filter, topic);
}

/** Whether everything that `requested` matches is matched by `granted`, too. */
export function filterCovers(granted: string, requested: string): boolean {
  const first = requested.charCodeAt(0);
  // `+/a` asks for no `$` topic, so that a granted `#` covers it; `$SYS/#` must be granted by name.
  if (first === DOLLAR && isWildcard(granted.charCodeAt(0))) return false;
  return levelsCover(granted, requested);
}

function isWildcard(code: number): boolean {
  return code === PLUS || code === HASH;
}

/**
 * Walks both level by level. In `asked`, `+` is covered by `+` or `#` only, and `#` by `#` only.
 */
function levelsCover(filter: string, asked: string): boolean {
  let f = 0;
  let a = 0;
  for (;;) {
    const code = filter.charCodeAt(f);
    if (code === HASH) return true;
    if (code === PLUS) {
      if (asked.charCodeAt(a) === HASH) return false;
      f += 1;
      while (a < asked.length && asked.charCodeAt(a) !== SLASH) a += 1;
    } else {
      while (f < filter.length && filter.charCodeAt(f) !== SLASH) {
        if (filter.charCodeAt(f) !== asked.charCodeAt(a)) return false;
        f += 1;
        a += 1;
      }
      if (a < asked.length && asked.charCodeAt(a) !== SLASH) return false;
    }
    if (f === filter.length) return a === asked.length;
    // `sport/#` matches `sport`, too.
    if (a === asked.length) return f === filter.length - 2 && filter.charCodeAt(f + 1) === HASH;
    f += 1;
    a += 1;
  }
}
