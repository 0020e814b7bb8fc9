import { describe, expect, it } from 'vitest';
import { readTrace } from './operations.ts';

/** Wherever it was made: the reader knows it by its name. */
const HOUSE = '/any/where/holdfast-house-a1';

const hex = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
const path = (inner: string): string => hex(`${HOUSE}/${inner}`);

function operationsOf(...lines: string[]) {
  const trace = [`7 mkdir("${hex(HOUSE)}", 0700) = 0`, ...lines].join('\n');
  return readTrace(Buffer.from(trace, 'latin1'));
}

describe('readTrace', () => {
  it('reads files, names, sizes and syncs below the data folders, and nothing else', () => {
    const wal = path('cloud/a-wal');
    const steps = operationsOf(
      `7 openat(AT_FDCWD<${hex('/')}>, "${wal}", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 21<${wal}>`,
      `7 openat(AT_FDCWD<${hex('/')}>, "${wal}", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 22<${wal}>`,
      `7 openat(AT_FDCWD<${hex('/')}>, "${path('cloud/b')}", O_RDONLY) = -1 ENOENT (No such file)`,
      `7 pwrite64(21<${wal}>, "${hex('abc')}", 3, 4096) = 3`,
      `7 write(21<${path('gateway.log')}>, "${hex('log')}", 3) = 3`,
      `7 ftruncate(21<${wal}>, 10) = 0`,
      `7 fsync(21<${wal}>) = 0`,
      `7 rename("${path('gateway/x.tmp')}", "${path('gateway/x')}") = 0`,
      `7 unlink("${path('gateway/x')}") = 0`,
      `7 fsync(23<${path('gateway')}>) = 0`,
    );
    expect(steps.map(({ operation }) => operation)).toEqual([
      { kind: 'create', path: 'cloud/a-wal', mode: 0o644 },
      { kind: 'write', path: 'cloud/a-wal', offset: 4096, bytes: Buffer.from('abc') },
      { kind: 'resize', path: 'cloud/a-wal', size: 10 },
      { kind: 'sync', path: 'cloud/a-wal' },
      { kind: 'rename', path: 'gateway/x.tmp', to: 'gateway/x' },
      { kind: 'remove', path: 'gateway/x' },
      { kind: 'sync', path: 'gateway' },
    ]);
  });

  it('places a call that others interrupted where it ended, and tells where it began', () => {
    const steps = operationsOf(
      `7 fsync(21<${path('gateway/a')}> <unfinished ...>`,
      `8 pwrite64(22<${path('gateway/b')}>, "${hex('x')}", 1, 0) = 1`,
      '7 <... fsync resumed>)             = 0',
    );
    expect(steps.map(({ operation }) => operation?.kind)).toEqual(['write', 'sync']);
    expect(steps[1]!.begun).toBeLessThan(steps[0]!.done);
    expect(steps[1]!.done).toBeGreaterThan(steps[0]!.done);
  });

  it('forgets a call in whose midst its process was killed', () => {
    const steps = operationsOf(
      `7 fsync(21<${path('gateway/a')}> <unfinished ...>`,
      '7 +++ killed by SIGKILL +++',
      `8 fsync(22<${path('gateway/b')}>) = 0`,
    );
    expect(steps.map(({ operation }) => operation?.path)).toEqual(['gateway/b']);
  });

  it('reads the marks in their place, up to the end of the recording', () => {
    const mark = (text: string) =>
      `9 write(5<${path('marks')}>, "${hex(text)}", ${text.length}) = ${text.length}`;
    const steps = operationsOf(
      mark('{"kind":"enrolled"}'),
      `7 fsync(21<${path('gateway/a')}>) = 0`,
      mark('{"kind":"finished"}'),
      `7 fsync(21<${path('gateway/a')}>) = 0`,
    );
    expect(steps.map(({ mark: told, operation }) => told?.kind ?? operation?.kind)).toEqual([
      'enrolled',
      'sync',
    ]);
  });

  it.each([
    ['a way of writing', `copy_file_range(4<${path('gateway/a')}>, NULL, 5, NULL, 9, 0) = 9`],
    ['a mapping', `mmap(NULL, 9, PROT_READ|PROT_WRITE, MAP_SHARED, 3<${path('cloud/a')}>, 0) = 1`],
    ['a file that syncs itself', `open("${path('cloud/a')}", O_RDWR|O_SYNC) = 3`],
  ])('refuses %s that the model does not know', (_, call) => {
    expect(() => operationsOf(`7 ${call}`)).toThrow();
  });
});
