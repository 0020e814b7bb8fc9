/**
 * What a SOAP document may be before a parser sees it. SOAP 1.1 §3 and SOAP 1.2 §5 forbid a
 * document type declaration, and without one there is no entity to expand and nothing to fetch.
 */
export const SOAP_BYTES_MAX = 64 * 1024;
/** Elements within elements; an envelope of ours has six. */
export const SOAP_DEPTH_MAX = 32;

export type XmlVerdict =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** UTF-8 only: in another encoding a declaration would look harmless here, not to the parser. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
/** Any markup declaration but a comment. CDATA, too: `soap` parses what it holds once more. */
const DECLARATION = /<!(?!--)/;
/** What only a declaration could define: everything but the five of XML and characters. */
const ENTITY = /&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)/;
/** Names that would reach into an object's prototype once the document is one. */
const PROTOTYPE = /[<\s/:](?:__proto__|constructor|prototype)[\s/>=:]/;
const TAG = /<(\/?)[A-Za-z_][^<>]*?(\/?)>/g;

export function guardXml(bytes: Uint8Array): XmlVerdict {
  if (bytes.byteLength > SOAP_BYTES_MAX) return refused(`more than ${SOAP_BYTES_MAX} bytes`);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return refused('not UTF-8');
  }
  if (text.includes('\u0000')) return refused('a NUL character');
  // Inside a comment or CDATA, too: what no parser has to agree about is not let in.
  if (/<!doctype|<!entity/i.test(text)) return refused('a document type declaration');
  if (DECLARATION.test(text)) return refused('a markup declaration');
  if (ENTITY.test(text)) return refused('an entity that is not one of XML');
  if (PROTOTYPE.test(text)) return refused('a reserved name');
  if (depthOf(text) > SOAP_DEPTH_MAX) return refused(`deeper than ${SOAP_DEPTH_MAX} elements`);
  return { kind: 'text', text };
}

function refused(reason: string): XmlVerdict {
  return { kind: 'refused', reason };
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [, closes, isEmpty] of text.matchAll(TAG)) {
    if (closes) depth -= 1;
    else if (!isEmpty) deepest = Math.max(deepest, ++depth);
  }
  return deepest;
}
