// The addon of `npm run build:faults` (native/faults), in which the n-th call of a kind can fail.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { collectGarbage } from '../../bench/collectGarbage';
import type { NativeBinding } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { packageRoot } from '../../src/packageRoot';

/** In the order of native/faults/faults.h. */
export const SITES = ['allocation', 'workBuffer', 'runtimeCall', 'file', 'thread'] as const;
export type Site = (typeof SITES)[number];

/** How many of each the addon has now. */
export interface Live {
  readonly allocations: number;
  readonly workBuffers: number;
  readonly sessions: number;
  readonly files: number;
  readonly mappings: number;
}

interface Door {
  arm(site: number, first: number, count?: number): void;
  disarm(): number;
  live(): Live;
}

export const FAULTS_ADDON = path.join(packageRoot(), 'build', 'faults', 'diffbir.node');

export const isBuilt = existsSync(FAULTS_ADDON);

/** The addon, and what opens the door to its faults. */
export class Faults {
  readonly binding: NativeBinding;
  private readonly door: Door;

  constructor() {
    this.binding = loadBinding(FAULTS_ADDON);
    this.door = (this.binding.primitives as unknown as { faults: Door }).faults;
  }

  /** Runs `work` with the calls number `first`, ..., `first + count - 1` at a site failing. */
  async during<T>(site: Site, first: number, count: number | 'rest', work: () => Promise<T>): Promise<Outcome<T>> {
    this.door.arm(SITES.indexOf(site), first, count === 'rest' ? undefined : count);
    try {
      const value = await work();
      return { value, error: undefined, calls: this.door.disarm() };
    } catch (error) {
      return { value: undefined, error: error as Error & { code?: string }, calls: this.door.disarm() };
    }
  }

  /** How many calls `work` makes at a site. */
  async count(site: Site, work: () => Promise<unknown>): Promise<number> {
    const { calls, error } = await this.during(site, Number.MAX_SAFE_INTEGER, 1, work);
    if (error) throw error;
    return calls;
  }

  /** What is there once JavaScript has let go of what it does not need. */
  async live(): Promise<Live> {
    await collectGarbage();
    this.binding.primitives.openNetworks(); // forgets those that are closed
    return this.door.live();
  }
}

/** What became of work, and how many calls there were while it ran. */
export interface Outcome<T> {
  readonly value: T | undefined;
  readonly error: (Error & { readonly code?: string }) | undefined;
  readonly calls: number;
}
