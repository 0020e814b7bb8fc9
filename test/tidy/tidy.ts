import { EXCEPTIONS, type Exception } from './exceptions.ts';
import type { Repository } from './repository.ts';
import type { Finding, Rule, Violation } from './rule.ts';
import { deadFiles } from './rules/dead-files.ts';
import { dependencyRule } from './rules/dependency-rule.ts';
import { fileNames } from './rules/file-names.ts';
import { fileLengths, functionLengths, lineLengths, parameterCounts } from './rules/lengths.ts';
import { declaredPackages, gatewayDependencies, pinnedVersions } from './rules/manifests.ts';
import { markers } from './rules/markers.ts';
import { purity } from './rules/purity.ts';
import { rawCalls } from './rules/raw-calls.ts';
import { vendorLibraries } from './rules/vendor-libraries.ts';
import { versionFloors } from './rules/version-floors.ts';

export const RULES: readonly Rule[] = [
  dependencyRule,
  purity,
  vendorLibraries,
  rawCalls,
  fileNames,
  lineLengths,
  functionLengths,
  fileLengths,
  parameterCounts,
  deadFiles,
  markers,
  pinnedVersions,
  declaredPackages,
  gatewayDependencies,
  versionFloors,
];

/** Every finding that no exception covers, by rule and place. */
export function findings(repository: Repository, rules: readonly Rule[] = RULES): Finding[] {
  return rules.flatMap((rule) =>
    rule
      .check(repository)
      .filter((violation) => !EXCEPTIONS.some((each) => covers(each, rule.name, violation)))
      .map((violation) => ({ rule: rule.name, ...violation })),
  );
}

/** Exceptions that cover nothing any more. */
export function staleExceptions(repository: Repository): readonly Exception[] {
  return EXCEPTIONS.filter((exception) => {
    const rule = RULES.find(({ name }) => name === exception.rule);
    return !rule?.check(repository).some((violation) => covers(exception, rule.name, violation));
  });
}

function covers({ rule, path }: Exception, ruleName: string, violation: Violation): boolean {
  if (rule !== ruleName) return false;
  return path.endsWith('/') ? violation.path.startsWith(path) : violation.path === path;
}
