import { readFileSync } from 'node:fs';
import { statfs, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { proxyFrom } from './proxy';

/** Variables of a process; `process.env` has this shape. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where files come from and go to, and how patiently. Made anew for each call, so that there is no state. */
export interface Hub {
  /** Address of the hub, without a slash at its end. */
  readonly endpoint: string;
  /** Bearer token for `endpoint`, and for no other host. */
  readonly token: string | undefined;
  /** Never touch the network. */
  readonly offline: boolean;
  /** The hub's cache folder, shared with Python's huggingface_hub. */
  readonly cache: string;
  /** Our own cache folder, for files of other hosts. */
  readonly ownCache: string;
  /** The proxy for an address; undefined: none. */
  proxy(url: URL): URL | undefined;
  /** A connection that brings nothing for so many milliseconds is given up. */
  readonly stallMs: number;
  /** Attempts that one request may take; a download that gets on starts counting anew. */
  readonly attempts: number;
  /** Wait before the second attempt, in milliseconds; doubles from one to the next. */
  readonly backoffMs: number;
  /** The longest wait that a server may ask for, in milliseconds. */
  readonly maxWaitMs: number;
  /** A lock whose holder has given no sign of life for so many milliseconds is taken over. */
  readonly staleLockMs: number;
  /** Bytes that a user may still write to the file system of a folder that exists. */
  freeBytes(folder: string): Promise<number>;
  /** As in `node:fs/promises`; fails where the file system or the user may have none. */
  symlink(target: string, file: string): Promise<void>;
}

const TRUE = ['1', 'ON', 'YES', 'TRUE'];

/**
 * The hub as the environment describes it, with the variables and defaults of Python's huggingface_hub: `HF_HOME`,
 * `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `XDG_CACHE_HOME`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`,
 * `HF_HUB_DISABLE_IMPLICIT_TOKEN`, `HF_HUB_OFFLINE`; and `DIFFBIR_CACHE` for our own folder.
 */
export function hubFrom(env: Environment, changes: Partial<Hub> = {}): Hub {
  const caches = env.XDG_CACHE_HOME || path.join(homedir(), '.cache');
  const home = expand(env.HF_HOME || path.join(caches, 'huggingface'));
  return {
    endpoint: (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    token: tokenFrom(env, home),
    offline: isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
    cache: expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || path.join(home, 'hub')),
    ownCache: expand(env.DIFFBIR_CACHE || path.join(caches, 'diffbir')),
    proxy: (url) => proxyFrom(env, url),
    stallMs: 30_000,
    attempts: 6,
    backoffMs: 1000,
    maxWaitMs: 120_000,
    staleLockMs: 60_000,
    freeBytes: async (folder) => {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
    symlink: (target, file) => symlink(target, file),
    ...changes,
  };
}

function tokenFrom(env: Environment, home: string): string | undefined {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  return (
    clean(env.HF_TOKEN) ||
    clean(env.HUGGING_FACE_HUB_TOKEN) ||
    clean(readIfThere(expand(env.HF_TOKEN_PATH || path.join(home, 'token')))) ||
    undefined
  );
}

/** A token that was copied with its line's end would not be a header. */
function clean(token: string | undefined): string {
  return (token ?? '').replace(/[\r\n]/g, '').trim();
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function isTrue(value: string | undefined): boolean {
  return TRUE.includes((value ?? '').toUpperCase());
}

function expand(folder: string): string {
  return path.resolve(folder.replace(/^~(?=$|[/\\])/, homedir()));
}
