import { murmur2 } from './partition-of-key.ts';

/**
 * How many partitions of a topic a member may hold. Every member computes it from the same list, so
 * no leader is needed: the shares differ by at most one and add up to `partitionCount`.
 */
export function fairShare(options: {
  readonly members: readonly string[];
  readonly member: string;
  readonly topic: string;
  readonly partitionCount: number;
}): number {
  const { members, member, topic, partitionCount } = options;
  const rank = members.toSorted().indexOf(member);
  if (rank < 0) return 0;
  // Turned by the topic, or the member whose id sorts first would get the odd partition of every
  // topic.
  const turned = (rank + (murmur2(Buffer.from(topic)) >>> 0)) % members.length;
  const floor = Math.floor(partitionCount / members.length);
  return turned < partitionCount % members.length ? floor + 1 : floor;
}
