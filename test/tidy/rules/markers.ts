import type { Repository, SourceFile } from '../repository.ts';
import type { Rule, Violation } from '../rule.ts';
import { isNode, lineAt, nameOf, type SyntaxNode, walk } from '../syntax.ts';

const MARKER = /\b(TODO|FIXME|XXX|HACK|WIP)\b/;
const UNCHECKED = /@ts-(ignore|nocheck)\b|@ts-expect-error\s*$/;
const UNREASONED = /biome-ignore(?!.*: *\S)/;
const CONFLICT = /^(<{7}|>{7}|\|{7}) /;
/** Their own syntax is not parsed: comments and text are one. */
const PLAIN_TEXT = /\.(proto|ya?ml|css|html|sh|sql|toml|md)$/;

/** What was left for later, switched off, or cast away. */
export const markers: Rule = {
  name: 'markers',
  check: (repository) => [
    ...repository.sources.flatMap((file) => [...inComments(file), ...inCode(file)]),
    ...repository.paths.flatMap((path) => inText(path, repository)),
  ],
};

function inComments({ path, text, syntax }: SourceFile): Violation[] {
  return syntax.comments.flatMap((comment) => {
    const line = lineAt(text, comment.start);
    const marker = MARKER.exec(comment.text)?.[0];
    const found: Violation[] = [];
    if (marker) found.push({ path, line, message: `${marker} in a comment`, wayOut: FINISH });
    if (UNCHECKED.test(comment.text) || UNREASONED.test(comment.text)) {
      const wayOut = 'mend the cause, or say the reason behind it';
      found.push({ path, line, message: 'a check is switched off without a reason', wayOut });
    }
    return found;
  });
}

const FINISH = 'finish it, or open an issue and say what holds today';

function inCode(file: SourceFile): Violation[] {
  const found: Violation[] = [];
  walk(file.syntax.program, (node) => {
    const left = leftover(node, file);
    if (left) found.push({ path: file.path, line: lineAt(file.text, node.start), ...left });
    return undefined;
  });
  if (file.syntax.error) {
    const message = `does not parse: ${file.syntax.error}`;
    found.push({ path: file.path, line: 1, message, wayOut: 'mend the syntax' });
  }
  return found;
}

function leftover(
  node: SyntaxNode,
  file: SourceFile,
): Pick<Violation, 'message' | 'wayOut'> | undefined {
  if (node.type === 'DebuggerStatement') return { message: 'debugger', wayOut: 'remove it' };
  if (isCastToAny(node)) return { message: 'as any', wayOut: 'say the type, or narrow unknown' };
  if (isOnly(node)) return { message: 'a focused test', wayOut: 'remove .only: others must run' };
  if (swallows(node, file)) {
    const wayOut = 'throw it on with a cause, return an outcome, or say why nothing is lost';
    return { message: 'an error is swallowed', wayOut };
  }
  return undefined;
}

function isCastToAny(node: SyntaxNode): boolean {
  if (node.type !== 'TSAsExpression' || !isNode(node['typeAnnotation'])) return false;
  return node['typeAnnotation'].type === 'TSAnyKeyword';
}

function isOnly(node: SyntaxNode): boolean {
  if (node.type !== 'MemberExpression' || nameOf(node['property']) !== 'only') return false;
  return ['it', 'test', 'describe', 'suite', 'bench'].includes(nameOf(node['object']) ?? '');
}

/** `catch {}` and `.catch(() => {})` without a sentence in or above it that says why. */
function swallows(node: SyntaxNode, file: SourceFile): boolean {
  const handler = node.type === 'CatchClause' ? node : catchHandler(node);
  if (!isNode(handler?.['body'])) return false;
  const isUndefined = nameOf(handler['body']) === 'undefined';
  return (isUndefined || isEmptyBlock(handler['body'])) && !hasReason(node, file);
}

function catchHandler(node: SyntaxNode): SyntaxNode | undefined {
  if (node.type !== 'CallExpression' || !isNode(node['callee'])) return undefined;
  if (nameOf(node['callee']['property']) !== 'catch') return undefined;
  return (node['arguments'] as SyntaxNode[])[0];
}

function isEmptyBlock(body: SyntaxNode): boolean {
  return body.type === 'BlockStatement' && (body['body'] as unknown[]).length === 0;
}

function hasReason(node: SyntaxNode, { text, syntax }: SourceFile): boolean {
  const first = lineAt(text, node.start) - 1;
  const last = lineAt(text, node.end);
  return syntax.comments.some((comment) => {
    const line = lineAt(text, comment.end);
    return line >= first && line <= last;
  });
}

function inText(path: string, repository: Repository): Violation[] {
  const text = repository.text(path);
  if (text === undefined) return [];
  const isPlain = PLAIN_TEXT.test(path);
  return text.split('\n').flatMap((content, index) => {
    const at = { path, line: index + 1 };
    if (CONFLICT.test(content)) {
      return [{ ...at, message: 'a merge conflict', wayOut: 'resolve it' }];
    }
    const marker = isPlain ? MARKER.exec(content)?.[0] : undefined;
    return marker ? [{ ...at, message: `${marker} left in the text`, wayOut: FINISH }] : [];
  });
}
