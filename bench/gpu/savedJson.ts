import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A file that is up to date whenever a command is killed. */
export class SavedJson {
  private unsaved: string | undefined;

  /** Without a name nothing is saved. */
  constructor(private readonly file: string | undefined) {}

  save(content: object): void {
    const { file } = this;
    if (file === undefined) return;
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`);
      renameSync(`${file}.new`, file);
      this.unsaved = undefined;
    } catch (error) {
      if (this.unsaved === undefined) console.error(`${file} cannot be written: ${(error as Error).message}`);
      this.unsaved = JSON.stringify(content);
    }
  }

  /** What could not be written, in one line, so that it is not lost. */
  end(): void {
    if (this.unsaved !== undefined) console.log(`\nIn the place of ${this.file}:\n${this.unsaved}`);
  }
}
