// Every kernel against its host twin, where there is a GPU; elsewhere the program says that there is none.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadBinding } from '../../src/native/loadBinding';

const { built, devices } = loadBinding().devices();
const folder = path.resolve(import.meta.dirname, '../..', process.env.DIFFBIR_BUILD_DIR ?? 'build');

test('gpu_twins of a build with CUDA', { skip: !built }, () => {
  const { status, stdout, stderr } = spawnSync(path.join(folder, 'gpu_twins'), { encoding: 'utf8' });
  expect(stderr).toBe('');
  if (devices.length > 0) {
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.not.stringContaining('FAIL') });
    return;
  }
  expect({ status, stdout }).toEqual({ status: 77, stdout: expect.stringMatching(/^no CUDA device: .+\n$/) });
});
