/** Normal numbers of torch's own CUDA generator, where Python has it, against those of ours. */
import { spawnSync } from 'node:child_process';
import type { Item } from '../../bench/gpu/serve';
import { loadBinding } from '../../src/native/loadBinding';
import { type Outcome, skipped, verdict } from './outcome';

const SEED = 231n;
const COUNTS = [4 * 64 * 64, 4 * 64 * 64, 5, 4 * 96 * 80, 1_000_003, 4 * 256 * 256];
/** Of numbers whose largest are about 5: torch has the fast sine and logarithm of the card. */
const TOLERANCE = 1e-5;
const MOST_BYTES = 2 ** 28;

/** The card's numbers, then those of each draw. */
const SCRIPT = `
import sys
try:
    import torch
    if not torch.cuda.is_available(): raise ImportError('torch sees no GPU')
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)
card = torch.cuda.get_device_properties(0)
generator = torch.Generator('cuda').manual_seed(${SEED})
out = sys.stdout.buffer
sizes = [card.multi_processor_count, card.max_threads_per_multi_processor]
out.write(torch.tensor(sizes, dtype=torch.float32).numpy().tobytes())
for count in [${COUNTS}]:
    out.write(torch.randn(count, generator=generator, device='cuda').cpu().numpy().tobytes())
`;

export function rngItems(): Item<Outcome>[] {
  return [{ name: "torch's CUDA generator", run: compare }];
}

function compare(): Outcome {
  const { status, stdout, stderr, error } = spawnSync('python3', ['-c', SCRIPT], { maxBuffer: MOST_BYTES });
  if (error) return skipped(error.message);
  if (status === 77) return skipped(stderr.toString().trim());
  if (status !== 0) return verdict(false, stderr.toString().trim());
  const numbers = new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.byteLength));
  const [multiprocessors = 0, threads = 0] = numbers;
  const draws = loadBinding().primitives.cudaDraws(SEED, Int32Array.from(COUNTS), multiprocessors, threads);
  let [at, different, largest] = [2, 0, 0];
  for (const draw of draws) {
    for (const value of draw) {
      const difference = Math.abs(value - (numbers[at++] ?? Number.NaN));
      if (difference !== 0) different++;
      if (!(difference <= largest)) largest = difference;
    }
  }
  const isWhole = at === numbers.length;
  return {
    status: isWhole && largest <= TOLERANCE ? 'pass' : 'FAIL',
    measured: largest.toExponential(1),
    allowed: `<= ${TOLERANCE}`,
    note: `${different} of ${at - 2} numbers differ${isWhole ? '' : `, and torch gave ${numbers.length - 2}`}`,
  };
}
