import type { Steps } from '@holdfast/shared/runtime/steps.ts';
import type { OffsetCommit } from './groups-file.ts';
import { commitOffset, type GroupsStatements, openGroupsStatements } from './groups-statements.ts';
import { TopicFile, type TopicFileOptions } from './topic-file.ts';

/** The files as they are written: connections of their own, opened when first needed. */
export class LogFiles {
  readonly #groupsPath: string;
  readonly #steps: Steps;
  readonly #topics = new Map<string, TopicFile>();
  #groups: GroupsStatements | undefined;

  constructor(groupsPath: string, steps: Steps) {
    this.#groupsPath = groupsPath;
    this.#steps = steps;
  }

  topic(options: TopicFileOptions): TopicFile {
    const topic = this.#topics.get(options.path) ?? new TopicFile(options, this.#steps);
    this.#topics.set(options.path, topic);
    return topic;
  }

  /**
   * Stores offsets in one synced transaction. False at the place of a hold that has passed to
   * another member.
   */
  commitOffsets(commits: readonly OffsetCommit[]): boolean[] {
    this.#groups ??= openGroupsStatements(this.#groupsPath);
    const groups = this.#groups;
    return groups.database
      .transaction(() => commits.map((commit) => commitOffset(groups, commit)))
      .immediate();
  }

  close(): void {
    for (const topic of this.#topics.values()) topic.close();
    this.#groups?.database.close();
  }
}
