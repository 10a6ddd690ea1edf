import type { NativeNetwork } from '../../src/native/primitives';

/** What ONNX Runtime computes on the processor by its own choice: sizes, of a few numbers each. */
const SIZES =
  /^(Shape|Size|Gather|Concat|Slice|Squeeze|Unsqueeze|Reshape|Cast|Range|Expand|Equal|Where|Constant\w*|Add|Sub|Mul|Div|Mod|Floor|Ceil|Max|Min|Neg|Identity)$/;

export type Assignment = ReturnType<NativeNetwork['assignment']>;

/** Operators that the processor has, with their numbers of nodes. */
export function onProcessor(assignment: Assignment): readonly [type: string, nodes: number][] {
  const entry = assignment.find(({ provider }) => provider === 'CPUExecutionProvider');
  return Object.entries(entry?.operators ?? {});
}

/** Those among them that a GPU should have. */
export function leftToProcessor(assignment: Assignment): string[] {
  return onProcessor(assignment)
    .map(([type]) => type)
    .filter((type) => !SIZES.test(type));
}
