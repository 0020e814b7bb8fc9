/**
 * Rows of one statement: PostgreSQL takes 65,535 parameters, SQLite 32,766; no table here has over
 * 16 columns.
 */
const ROWS_MAX = 256;

/**
 * Cuts rows into statements whose sizes are powers of two: few different texts, so that each is
 * prepared once and kept.
 */
export function* rowBatches<Row>(rows: readonly Row[]): Generator<readonly Row[]> {
  let at = 0;
  for (let size = ROWS_MAX; size >= 1; size /= 2) {
    while (rows.length - at >= size) {
      yield rows.slice(at, at + size);
      at += size;
    }
  }
}
