import { readRepository } from './repository.ts';
import { describeFinding } from './rule.ts';
import { gatewayLibraries } from './rules/manifests.ts';
import { findings } from './tidy.ts';

/**
 * `node test/tidy/report.ts [folder…]`: the findings, by folder; exits with 1 when there is one.
 */
const README_LINES_MAX = 40;
const folders = process.argv.slice(2);
const repository = readRepository();
const found = findings(repository).filter(
  ({ path }) => folders.length === 0 || folders.some((folder) => path.startsWith(folder)),
);
for (const finding of found) print(describeFinding(finding));
for (const path of repository.paths.filter((each) => /\/README\.md$/.test(each))) {
  const count = repository.text(path)!.trimEnd().split('\n').length;
  if (count > README_LINES_MAX) print(`advice: ${path} has ${count} lines, aim for 40`);
}
print(`advice: the gateway can load ${gatewayLibraries(repository).join(', ')}`);
print(`${found.length} findings`);
process.exitCode = found.length === 0 ? 0 : 1;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
