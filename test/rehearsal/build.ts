/**
 * The end of `npm run build:rehearsal`: ONNX Runtime's provider for CUDA, as `diffbir install-cuda` installs it, and beside
 * it the libraries of native/rehearsal instead of NVIDIA's.
 */
import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { registriesFrom } from '../../src/device/install/addresses';
import { installLibraries } from '../../src/device/install/install';
import { PACKAGES } from '../../src/device/install/packages';
import { hubFrom } from '../../src/hub/hub';
import { CACHE, FOLDER } from './hook';

const hub = hubFrom({ ...process.env, DIFFBIR_CACHE: CACHE });
const packages = PACKAGES.filter(({ registry }) => registry === 'npm');
const { folder } = await installLibraries(hub, { registries: registriesFrom(process.env), packages });
for (const name of readdirSync(FOLDER).filter((file) => file.startsWith('lib'))) {
  const link = path.join(folder, name);
  rmSync(link, { force: true });
  symlinkSync(path.join(FOLDER, name), link);
}
