/** Where a model runs, and what the addon says of the devices that there are. */

/** ONNX Runtime's execution provider. */
export type Provider = 'cpu' | 'cuda' | 'tensorrt';

export interface ExecutionSpec {
  readonly provider: Provider;
  /** As CUDA counts the devices; 0 for the CPU. */
  readonly device: number;
  /** Folder of the provider's libraries; not for the CPU. */
  readonly libraries?: string;
  /** Folder for the engines that TensorRT builds. */
  readonly cache?: string;
  /** Bytes that each network may take of the device's memory, of a guarded one the inputs of a run; no limit without. */
  readonly memoryLimit?: number;
  /** Whether runs are recorded as CUDA graphs and played again (native/runtime/device_runs.h). */
  readonly cudaGraphs?: boolean;
  /** For tests, on the CPU: no code but kernels can touch what lies between the networks (core/guarded_device.h). */
  readonly guarded?: boolean;
}

/** What native/cuda/probe.h found. A machine without a GPU is an answer, not an error. */
export interface NativeDevices {
  /** Whether the addon was built with CUDA. */
  readonly built: boolean;
  /** What it has code for: `sm_75` binaries, `compute_120` what a driver can translate for newer devices. */
  readonly architectures: readonly string[];
  /** Version of the CUDA runtime inside the addon, `13.0`. */
  readonly runtimeVersion?: string;
  /** The newest CUDA version that the driver knows, `13.0`; undefined or 0 where no driver could be loaded. */
  readonly driverVersion?: string;
  /** Why CUDA cannot count the devices. */
  readonly error?: { readonly code: number; readonly name: string; readonly message: string };
  readonly devices: readonly NativeDevice[];
}

export interface NativeDevice {
  readonly index: number;
  readonly name: string;
  /** `9.0` */
  readonly computeCapability: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly multiprocessors: number;
  /** Resident at once; with the multiprocessors it decides how torch spreads random numbers over threads. */
  readonly maxThreadsPerMultiprocessor: number;
}
