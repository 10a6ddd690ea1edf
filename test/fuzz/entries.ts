/**
 * The targets as functions of bytes, as fuzzers that are led by coverage want them (libFuzzer, Jazzer.js): a promise that
 * rejects is a finding. Jazzer.js is no dependency of this repository and reads JavaScript alone; to point it here:
 *
 *     npx tsup test/fuzz/entries.ts --format esm --no-dts --out-dir build-fuzz
 *     npx jazzer build-fuzz/entries.js -f torchZip
 */
import { judge, type Target } from './target';
import * as checkpoint from './targets/checkpoint';
import * as hub from './targets/hub';
import * as json from './targets/json';
import { nativeTarget } from './targets/native';
import * as options from './targets/options';
import * as picture from './targets/picture';
import { promptTarget } from './targets/prompt';

export type Entry = (data: Uint8Array) => Promise<void>;

function entry(target: Target): Entry {
  return async (data) => {
    const outcome = await judge(target, Buffer.from(data));
    if (outcome.kind === 'failure') throw new Error(outcome.reason);
  };
}

export const safetensors = entry(checkpoint.safetensorsTarget);
export const torchZip = entry(checkpoint.torchZipTarget);
export const torchLegacy = entry(checkpoint.torchLegacyTarget);
export const anyFile = entry(checkpoint.anyFileTarget);
export const manifest = entry(json.manifestTarget);
export const parameters = entry(json.parametersTarget);
export const recipe = entry(json.recipeTarget);
export const validatedOptions = entry(options.optionsTarget);
export const input = entry(options.inputTarget);
export const prompt = entry(promptTarget);
export const signature = entry(picture.signatureTarget);
export const metadata = entry(picture.metadataTarget);
export const pictureFile = entry(picture.pictureTarget);
export const hubAnswers = entry(hub.hubAnswersTarget);
export const hubCache = entry(hub.hubCacheTarget);
export const native = entry(nativeTarget);
