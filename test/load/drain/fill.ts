/** What one run of a filler does; it gets this as JSON in its only argument. */
export interface Fill {
  readonly messages: number;
  /** How far apart they were said to be sent. */
  readonly perSecond: number;
  /** Wall time of the first. */
  readonly startMs: number;
  readonly into:
    | { readonly kind: 'buffer'; readonly folder: string }
    | { readonly kind: 'broker'; readonly port: number };
}
