/**
 * What a request may ask for. The README says what each means; a request beyond one is answered by
 * an error that names the limit, before anything is executed.
 */
export const BODY_BYTES_MAX = 64 * 1024;
/** Of a document; the parser stops at the next. */
export const TOKENS_MAX = 1_000;
/** Levels of fields; fragments count as what they hold. */
export const DEPTH_MAX = 8;
export const ALIASES_MAX = 15;
export const DIRECTIVES_MAX = 10;
/**
 * By cost-limit's sum: an object 2, a scalar 1, half as much again per level, times `first` where
 * it is written out. A page of 100 with all that there is costs 11,000.
 */
export const COST_MAX = 15_000;
/** Of a page, as the product service has it. */
export const PAGE_MAX = 100;
export const PAGE_DEFAULT = 20;
/** Of one subscription. */
export const ITEMS_MAX = 100;
export const ITEM_CHARS_MAX = 128;
/** Open at once, of one person and in one process. */
export const SUBSCRIPTIONS_PER_PERSON_MAX = 10;
export const SUBSCRIPTIONS_MAX = 1_000;
/** As long as an access token lives: who lost a role is not shown more than that. */
export const SUBSCRIPTION_MS_MAX = 600_000;
