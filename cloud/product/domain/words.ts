/**
 * The words by which a product is found. Both databases hold them as they are made here, so that
 * both find the same: letters and digits of any script, without case and accents.
 */
export const WORD_CHARS_MAX = 40;
/** Of one product; what its text holds beyond them does not find it. */
export const WORDS_MAX = 300;
/** Of one search; more are refused. */
export const SEARCH_WORDS_MAX = 8;

/** Each word once, in their order. A long word is cut, here and in a search. */
export function wordsOf(...texts: readonly string[]): string[] {
  const words = texts.flatMap((text) => folded(text).match(/[\p{L}\p{N}]+/gu) ?? []);
  return [...new Set(words.map(cut))].slice(0, WORDS_MAX);
}

/** By code points: half of a surrogate pair is no text. */
function cut(word: string): string {
  return word.length <= WORD_CHARS_MAX ? word : [...word].slice(0, WORD_CHARS_MAX).join('');
}

/** NFKD takes letters and accents apart; the accents are then dropped. */
function folded(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replaceAll('ß', 'ss');
}

/** What lies between `word` and this begins with `word`: no character sorts above U+10FFFF. */
export function endOfPrefix(word: string): string {
  return `${word}\u{10ffff}`;
}
