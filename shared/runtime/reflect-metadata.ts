/**
 * The three functions of the metadata reflection proposal that tsyringe, and so @peculiar/x509,
 * asks of `Reflect`. Metadata lies on a class, not on its members: that is all they use. A real
 * polyfill, when present, is left alone.
 */
const metadata = new WeakMap<object, Map<unknown, unknown>>();

const functions = {
  defineMetadata(key: unknown, value: unknown, target: object): void {
    const entries = metadata.get(target) ?? new Map<unknown, unknown>();
    metadata.set(target, entries.set(key, value));
  },
  getOwnMetadata: (key: unknown, target: object): unknown => metadata.get(target)?.get(key),
  getMetadata(key: unknown, target: object): unknown {
    for (let at: object | null = target; at; at = Object.getPrototypeOf(at)) {
      const entries = metadata.get(at);
      if (entries?.has(key)) return entries.get(key);
    }
    return undefined;
  },
};

if (!('getMetadata' in Reflect)) Object.assign(Reflect, functions);
