import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { manifestIn } from './packages';

/**
 * Lays `node_modules` of an app out anew as pnpm does: each package in a folder of its own, with links to what it depends
 * on beside it, and at the top a link to `diffbir` alone.
 */
export function linkedLayout(from: string, to: string): void {
  const placeOf = (name: string) => path.join(to, '.pnpm', name.replace('/', '+'), 'node_modules', name);
  for (const name of packagesIn(from)) {
    cpSync(path.join(from, name), placeOf(name), { recursive: true });
    const { dependencies, optionalDependencies } = manifestIn(path.join(from, name));
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (!existsSync(path.join(from, needed))) continue;
      const beside = name.startsWith('@') ? '../..' : '..';
      link(placeOf(needed), path.join(placeOf(name), beside, needed));
    }
  }
  link(placeOf('diffbir'), path.join(to, 'diffbir'));
}

function link(target: string, place: string): void {
  mkdirSync(path.dirname(place), { recursive: true });
  symlinkSync(target, place, 'junction');
}

function packagesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    if (name.startsWith('.')) return [];
    return name.startsWith('@') ? readdirSync(path.join(folder, name)).map((inner) => `${name}/${inner}`) : [name];
  });
}
