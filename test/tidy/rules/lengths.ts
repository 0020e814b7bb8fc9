import { placeOf } from '../places.ts';
import type { SourceFile } from '../repository.ts';
import type { Rule, Violation } from '../rule.ts';
import { isNode, lineAt, nameOf, type SyntaxNode, walk } from '../syntax.ts';

export const COLUMNS_MAX = 100;
export const FUNCTION_LINES_MAX = 70;
export const FILE_LINES_MAX = 400;
export const PARAMETERS_MAX = 3;
export const MAIN_LINES_MAX = 40;

/** The formatter keeps an import of one name on one line, however long its path is. */
const IMPORT = /^(import|export) .* from '[^']+';$/;

export const lineLengths: Rule = {
  name: 'line-length',
  check: (repository) =>
    repository.sources.flatMap(({ path, lines }) =>
      lines.flatMap((text, index) => {
        const columns = [...text].length;
        if (columns <= COLUMNS_MAX || IMPORT.test(text)) return [];
        const message = `${columns} columns, at most ${COLUMNS_MAX}`;
        return [{ path, line: index + 1, message, wayOut: 'run npm run format, break long texts' }];
      }),
    ),
};

export const fileLengths: Rule = {
  name: 'file-length',
  check: (repository) =>
    repository.sources.flatMap((file) => {
      const count = lineCount(file);
      const isMain = file.path.endsWith('/main.ts') && placeOf(file.path)?.layer !== 'test';
      const most = isMain ? MAIN_LINES_MAX : FILE_LINES_MAX;
      if (count <= most) return [];
      const message = `${count} lines, at most ${most}`;
      const wayOut = isMain
        ? 'parse, validate, boot, wait for a signal; move the rest out'
        : 'split it by what changes together';
      return [{ path: file.path, line: most + 1, message, wayOut }];
    }),
};

export const functionLengths: Rule = {
  name: 'function-length',
  check: (repository) =>
    repository.sources.flatMap((file) =>
      functionsOf(file).flatMap(({ node, name, line }) => {
        const count = lineAt(file.text, node.end) - line + 1;
        const isSuite = placeOf(file.path)?.layer === 'test' && registersTests(node);
        if (count <= FUNCTION_LINES_MAX || isSuite) return [];
        const message = `${name} has ${count} lines, at most ${FUNCTION_LINES_MAX} (aim for 15)`;
        const wayOut = 'name its steps as functions below it';
        return [{ path: file.path, line, message, wayOut }];
      }),
    ),
};

export const parameterCounts: Rule = {
  name: 'parameter-count',
  check: (repository) =>
    repository.sources.flatMap((file) =>
      functionsOf(file).flatMap(({ node, name, line, isArgument }): Violation[] => {
        // Who calls a callback says what it is given.
        if (isArgument) return [];
        const parameters = (node['params'] as SyntaxNode[]).filter((each) => !isThis(each));
        if (parameters.length <= PARAMETERS_MAX) return [];
        const message = `${name} takes ${parameters.length} parameters, at most ${PARAMETERS_MAX}`;
        return [{ path: file.path, line, message, wayOut: 'take an options object' }];
      }),
    ),
};

interface FoundFunction {
  readonly node: SyntaxNode;
  readonly name: string;
  readonly line: number;
  /** Written where it is passed on. */
  readonly isArgument: boolean;
}

/** Functions with a body: declarations, expressions, arrows, methods. */
function functionsOf(file: SourceFile): FoundFunction[] {
  const found: FoundFunction[] = [];
  walk(file.syntax.program, (node, parents) => {
    if (!Array.isArray(node['params']) || !isNode(node['body'])) return undefined;
    const parent = parents.at(-1);
    const name = nameOf(node['id']) ?? nameOf(parent?.['key'] ?? parent?.['id']) ?? 'a function';
    const isArgument = Array.isArray(parent?.['arguments']) && parent['callee'] !== node;
    found.push({ node, name, line: lineAt(file.text, node.start), isArgument });
    return undefined;
  });
  return found;
}

const REGISTERS = new Set(['describe', 'it', 'test', 'suite', 'beforeEach', 'beforeAll']);

/** A body that lists tests is as long as its list; the tests in it are judged one by one. */
function registersTests(node: SyntaxNode): boolean {
  let registers = false;
  walk(node, (each) => {
    if (each !== node && Array.isArray(each['params'])) return false;
    if (each.type === 'CallExpression' && REGISTERS.has(calledName(each))) registers = true;
    return undefined;
  });
  return registers;
}

/** `it` of `it(…)`, `it.each(…)(…)` and `it.skipIf(…)(…)`. */
function calledName(call: SyntaxNode): string {
  let at: unknown = call['callee'];
  while (isNode(at) && at.type !== 'Identifier') at = at['callee'] ?? at['object'] ?? at['tag'];
  return nameOf(at) ?? '';
}

function isThis(parameter: SyntaxNode): boolean {
  return parameter.type === 'Identifier' && parameter['name'] === 'this';
}

function lineCount({ lines }: SourceFile): number {
  return lines.at(-1) === '' ? lines.length - 1 : lines.length;
}
