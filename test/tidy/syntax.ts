import { parseSync } from 'vite';

/** A node of the ESTree that the parser gives, TypeScript's own nodes included. */
export interface SyntaxNode {
  readonly type: string;
  /** Offsets into the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface Comment {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface Syntax {
  readonly program: SyntaxNode;
  readonly comments: readonly Comment[];
  /** The first syntax error, undefined when there is none. */
  readonly error: string | undefined;
}

export function parse(path: string, text: string): Syntax {
  const { program, comments, errors } = parseSync(path, text);
  return {
    program: program as unknown as SyntaxNode,
    comments: comments.map(({ value, start, end }) => ({ text: value, start, end })),
    error: errors[0]?.message,
  };
}

/** Called for each node, parents first. Returning false leaves the node's children out. */
export type Visit = (node: SyntaxNode, parents: readonly SyntaxNode[]) => boolean | undefined;

export function walk(root: SyntaxNode, visit: Visit): void {
  descend(root, [], visit);
}

function descend(node: SyntaxNode, parents: SyntaxNode[], visit: Visit): void {
  if (visit(node, parents) === false) return;
  parents.push(node);
  for (const child of children(node)) descend(child, parents, visit);
  parents.pop();
}

function children(node: SyntaxNode): SyntaxNode[] {
  return Object.values(node).flatMap((field) => {
    if (Array.isArray(field)) return field.filter(isNode);
    return isNode(field) ? [field] : [];
  });
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** The name of an identifier, or the text of a string literal. */
export function nameOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === 'Identifier') return value['name'] as string;
  return stringOf(value);
}

export function stringOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === 'Literal' && typeof value['value'] === 'string') return value['value'];
  if (value.type !== 'TemplateLiteral') return undefined;
  const quasis = value['quasis'] as readonly { readonly value: { readonly cooked: string } }[];
  return quasis.length === 1 ? quasis[0]!.value.cooked : undefined;
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1))
    line++;
  return line;
}
