import type { Rule, Violation } from '../rule.ts';

const KEBAB = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
/** Names that tools or readers expect as they are. */
const CUSTOMARY =
  /^((README|ARCHITECTURE|CONTRIBUTING|SECURITY|CHANGELOG)\.md|LICENSE|NOTICE|Dockerfile.*)$/;
/** buf lint asks for snake case. */
const SNAKE = /\.proto$/;
const BANNED = ['utils', 'util', 'helpers', 'helper', 'manager', 'common', 'impl', 'base', 'misc'];
/** Terms of the field that end in a digit. */
const TERMS = /(x509|sha\d+|base64|utf8|http2|oauth2|ipv[46]|ed25519|s3)$/;
const CODE = /\.(tsx?|mts|mjs|jsx?|css|sql|sh)$/;

/** Files and folders in kebab-case, named for the noun inside, never numbered. */
export const fileNames: Rule = {
  name: 'file-names',
  check: (repository) => repository.paths.flatMap((path) => judge(path)),
};

function judge(path: string): Violation[] {
  const parts = path.split('/');
  const name = parts.at(-1)!;
  const found: Violation[] = [];
  const report = (message: string, wayOut: string): void => {
    found.push({ path, line: 1, message, wayOut });
  };
  if (!parts.every((part) => KEBAB.test(part) || CUSTOMARY.test(part) || SNAKE.test(part))) {
    report('not in kebab-case', 'use lower case and hyphens, for example event-log.kafka.ts');
  }
  const word = path.split(/[/.-]/).find((each) => BANNED.includes(each));
  if (word) report(`"${word}" says nothing`, 'name it for the noun inside');
  const stem = name.split('.')[0]!;
  if (CODE.test(name) && /\d$/.test(stem) && !TERMS.test(stem)) {
    report('a numbered file', 'name what makes it different, and delete what it replaces');
  }
  return found;
}
