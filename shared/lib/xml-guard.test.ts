import { expect, it } from 'vitest';
import { guardXml, SOAP_BYTES_MAX, SOAP_DEPTH_MAX } from './xml-guard.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth);

it.each([
  ['a document type', utf8('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>')],
  ['one in lower case', utf8('<!doctype a><a/>')],
  ['one behind a comment', utf8('<!-- --><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')],
  ['an entity of its own', utf8('<a>&lol;</a>')],
  ['UTF-16, where it would hide', Buffer.from('\ufeff<!DOCTYPE a><a/>', 'utf16le')],
  ['CDATA that holds a document', utf8('<a><![CDATA[<?xml version="1.0"?><b/>]]></a>')],
  ['a name of the prototype', utf8('<a><__proto__>1</__proto__></a>')],
  ['too much', utf8(' '.repeat(SOAP_BYTES_MAX + 1))],
  ['too deep', utf8(nested(SOAP_DEPTH_MAX + 1))],
])('refuses %s', (_what, bytes) => expect(guardXml(bytes).kind).toBe('refused'));

it('lets through what an envelope is made of', () => {
  const text = '<?xml version="1.0"?><!-- why --><a b="c">&lt;&amp;&#10;&#xA;<d/></a>';
  expect(guardXml(utf8(text))).toEqual({ kind: 'text', text });
  expect(guardXml(utf8(nested(SOAP_DEPTH_MAX))).kind).toBe('text');
});
