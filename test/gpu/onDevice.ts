import type { ModelSpec, NativeBinding, NetworkSpec, Precision } from '../../src/native/binding';
import type { ExecutionSpec } from '../../src/native/devices';

/** A network in the form that the provider which runs it takes, whatever form its spec names. */
export function inOwnForm({ optimizations: _, ...spec }: NetworkSpec): NetworkSpec {
  return spec;
}

/** An addon whose networks and models run on a device, in the form that its provider takes, whatever their specs say. */
export function onDevice(binding: NativeBinding, execution: ExecutionSpec, precision?: Precision): NativeBinding {
  const network = (spec: NetworkSpec): NetworkSpec => ({ ...inOwnForm(spec), ...(precision && { precision }) });
  const model = ({ cleaner, stage2, ...rest }: ModelSpec): ModelSpec => ({
    ...rest,
    cleaner: network(cleaner),
    stage2: stage2 && {
      ...stage2,
      vaeEncoder: network(stage2.vaeEncoder),
      vaeDecoder: network(stage2.vaeDecoder),
      textEncoder: stage2.textEncoder && network(stage2.textEncoder),
      unet: network(stage2.unet),
      controlnet: network(stage2.controlnet),
    },
    execution,
  });
  const { primitives } = binding;
  return {
    ...binding,
    createModel: (spec, onProgress) => binding.createModel(model(spec), onProgress),
    primitives: {
      ...primitives,
      createNetwork: (spec, threads, outputs) =>
        primitives.createNetwork(network(spec), threads, outputs, undefined, execution),
    },
  };
}
