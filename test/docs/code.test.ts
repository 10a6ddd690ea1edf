/** Code blocks in JavaScript and TypeScript compile against the package's types: one program of all of them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { PAGES, ROOT, read } from './pages';

/** A block, and what a comment before it declares of the code around it: `<!-- given: declare const upload: Buffer; -->` */
const BLOCK = /(?:<!-- given: ((?:(?! -->)[\s\S])*) -->\n)?```(js|ts)\n([\s\S]*?)\n```/g;

/** Each block as a module of its own, by the name that messages show. */
function blocks(): Map<string, string> {
  const found = new Map<string, string>();
  for (const page of PAGES) {
    for (const { 0: whole, 1: given = '', 3: code = '', index } of read(page).matchAll(BLOCK)) {
      // The file's lines are then the page's, so that a message leads there.
      const before = read(page)
        .slice(0, index + whole.indexOf('```'))
        .split('\n').length;
      const name = path.join(ROOT, `${page}.${before}.ts`);
      found.set(name, `${given.replaceAll('\n', ' ')} export {};${'\n'.repeat(before)}${code}`);
    }
  }
  return found;
}

function complaints(files: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) => readFileSync(file, 'utf8'));
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  Object.assign(options, { baseUrl: ROOT, paths: { diffbir: ['src/index.ts'] } });
  Object.assign(options, { noUnusedLocals: false, noUnusedParameters: false });
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, language, ...rest) => {
    const text = files.get(name);
    return text === undefined ? getSourceFile(name, language, ...rest) : ts.createSourceFile(name, text, language);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()]
    .map((name) => program.getSourceFile(name))
    .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    .map(({ file, start = 0, messageText }) => {
      const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
      const page = path.relative(ROOT, file?.fileName ?? '').replace(/\.\d+\.ts$/, '');
      return `${page}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
}

it('the code on every page compiles', { timeout: 120_000 }, () => {
  const found = blocks();
  expect(found.size).toBeGreaterThan(25);
  expect(complaints(found)).toEqual([]);
});

it('what does not fit the types is found, with its line', { timeout: 120_000 }, () => {
  const page = path.join(ROOT, 'docs/page.md.3.ts');
  const code = "export {};\n\n\nimport { restore } from 'diffbir';\nawait restore('a', { stesp: 1 });";
  expect(complaints(new Map([[page, code]]))).toEqual([expect.stringMatching(/^docs\/page\.md:5 .*stesp/s)]);
});
