import type { Target } from '../target';
import { anyFileTarget, safetensorsTarget, torchLegacyTarget, torchZipTarget } from './checkpoint';
import { faultyTarget } from './faulty';
import { hubAnswersTarget, hubCacheTarget } from './hub';
import { manifestTarget, parametersTarget, recipeTarget } from './json';
import { nativeTarget } from './native';
import { inputTarget, optionsTarget } from './options';
import { metadataTarget, pictureTarget, signatureTarget } from './picture';
import { promptTarget } from './prompt';

export const TARGETS: readonly Target[] = [
  safetensorsTarget,
  torchZipTarget,
  torchLegacyTarget,
  anyFileTarget,
  manifestTarget,
  parametersTarget,
  recipeTarget,
  optionsTarget,
  inputTarget,
  promptTarget,
  signatureTarget,
  metadataTarget,
  pictureTarget,
  hubAnswersTarget,
  hubCacheTarget,
  nativeTarget,
];

/** Throws Error with the known names for another one. */
export function targetOf(name: string): Target {
  const target = [...TARGETS, faultyTarget].find((each) => each.name === name);
  if (target) return target;
  throw new Error(`There is no target ${name}: ${TARGETS.map((each) => each.name).join(', ')}`);
}
