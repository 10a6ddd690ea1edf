import { open } from 'node:fs/promises';
import { CheckpointError } from '../errors';

/** Where the bytes are, as much of a FileHandle as is needed. */
interface ByteSource {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
}

/**
 * A checkpoint file opened for reading pieces of it. All reads are checked against the size at the time of opening, so
 * that no header of the file can make us read beyond its end.
 */
export class FileReader {
  constructor(
    readonly file: string,
    readonly size: number,
    private readonly source: ByteSource,
  ) {}

  /** Opens the file, hands it to `use` and closes it whatever happens. Throws CheckpointError when it is no readable file. */
  static async with<T>(file: string, use: (reader: FileReader) => Promise<T>): Promise<T> {
    const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
      throw new CheckpointError(file, reasonOf(error), { cause: error });
    });
    try {
      const status = await handle.stat().catch((error: NodeJS.ErrnoException) => {
        throw new CheckpointError(file, reasonOf(error), { cause: error });
      });
      if (!status.isFile()) throw new CheckpointError(file, 'is not a regular file; give the path of a weights file');
      return await use(new FileReader(file, status.size, handle));
    } finally {
      await handle.close();
    }
  }

  /** Reads exactly `length` bytes at `offset`; `what` names the piece in the error. */
  async read(offset: number, length: number, what: string): Promise<Buffer> {
    if (!isCount(offset) || !isCount(length) || offset + length > this.size) {
      throw this.fail(`${what} (${length} bytes at ${offset}) lies outside the file of ${this.size} bytes; ${DAMAGED}`);
    }
    const buffer = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.source.read(buffer, done, length - done, offset + done).catch((error) => {
        throw this.fail(reasonOf(error), { cause: error });
      });
      if (bytesRead === 0) throw this.fail(`ended while ${what} was read; it was changed by another program`);
      done += bytesRead;
    }
    return buffer;
  }

  fail(reason: string, options?: ErrorOptions): CheckpointError {
    return new CheckpointError(this.file, reason, options);
  }
}

/** Advice for a file that contradicts itself. */
export const DAMAGED = 'the file is truncated or damaged, download or copy it again';

/** A non-negative integer that a double holds exactly. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'no such file';
  if (error.code === 'EACCES' || error.code === 'EPERM') return 'may not be read (permission denied)';
  return `cannot be read (${error.code ?? error.message})`;
}
