/** ISO/IEC 7812-1 allows up to 19; what has fewer than 13 is no card's number in use. */
const RUN = /(?<!\d)\d{13,19}(?!\d)/g;
/** As people write them: 4-4-4-4 with what may follow, and 4-6-5. */
const GROUPED = /(?<!\d)(?:\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{5})(?!\d)/g;

/**
 * True when the text holds digits that pass the check of a card's number (Luhn, ISO/IEC 7812-1
 * annex B). Such a thing is never stored and never sent on.
 */
export function looksLikeCardNumber(text: string): boolean {
  const found = [...text.matchAll(RUN), ...text.matchAll(GROUPED)];
  return found.some(([digits]) => passesLuhn(digits.replaceAll(/\D/g, '')));
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place++) {
    const digit = Number(digits[digits.length - 1 - place]);
    const weighed = place % 2 === 0 ? digit : digit * 2;
    sum += weighed > 9 ? weighed - 9 : weighed;
  }
  return sum % 10 === 0;
}
