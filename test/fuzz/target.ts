import { DiffBIRError, type ErrorCode } from '../../src/errors';
import { type Material, mutate } from './mutate';
import { Random } from './random';

/** Changes of bytes, with the words and inputs of the target at hand. */
export type Mutate = (data: Buffer) => Buffer;

/** A reader of what comes from strangers, with inputs to start from. */
export interface Target {
  readonly name: string;
  /** Its part of all cases, relative to other targets: many where a case is quick. */
  readonly share: number;
  /** What it may answer to a bad input. Anything else that it throws is a failure. */
  readonly codes: readonly ErrorCode[];
  readonly dictionary: Material['dictionary'];
  corpus(): Promise<readonly Buffer[]>;
  /** Inputs that are wrong inside and sound around it (lengths, checksums), for every other case. */
  generate?(random: Random, mutate: Mutate, corpus: readonly Buffer[]): Buffer;
  /**
   * Reads an input, and tells whether it was accepted. Throws what the reader throws, or a Violation for a result that it
   * must never give.
   */
  run(data: Buffer): Promise<boolean> | boolean;
}

/** An accepted input that breaks what the reader promises. */
export class Violation extends Error {}

export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}

/** Inputs of a target by number: the same for the same seed. */
export async function inputsOf(target: Target, seed: string): Promise<(index: number) => Buffer> {
  const corpus = await target.corpus();
  const material = { corpus, dictionary: target.dictionary };
  return (index) => {
    if (index < corpus.length) return corpus[index] as Buffer;
    const random = new Random(`${seed} ${target.name} ${index}`);
    if (target.generate && random.oneIn(2)) {
      return target.generate(random, (data) => mutate(random, data, material), corpus);
    }
    return mutate(random, random.pick(corpus), material);
  };
}

export type Outcome =
  | { readonly kind: 'accepted' | 'refused' }
  | { readonly kind: 'failure'; readonly reason: string; readonly milliseconds: number };

/** A case may not take longer. */
export const MOST_MILLISECONDS = 1000;

/** Runs one input through a target, and judges what comes. */
export async function judge(target: Target, data: Buffer): Promise<Outcome> {
  const begin = performance.now();
  const { kind, reason } = await attempt(target, data);
  const milliseconds = performance.now() - begin;
  if (kind === 'failure') return { kind, reason, milliseconds };
  if (milliseconds <= MOST_MILLISECONDS) return { kind };
  return { kind: 'failure', reason: `took ${(milliseconds / 1000).toFixed(1)} s`, milliseconds };
}

async function attempt(target: Target, data: Buffer) {
  try {
    return { kind: (await target.run(data)) ? ('accepted' as const) : ('refused' as const), reason: '' };
  } catch (error) {
    if (error instanceof DiffBIRError && target.codes.includes(error.code))
      return { kind: 'refused' as const, reason: '' };
    return { kind: 'failure' as const, reason: describe(error) };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${typeof error}`;
  const code = error instanceof DiffBIRError ? ` ${error.code}` : '';
  return `${error.name}${code}: ${error.message.slice(0, 300)}\n${(error.stack ?? '').split('\n').slice(1, 6).join('\n')}`;
}
