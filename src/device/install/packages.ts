/** Where the GPU libraries are published, in the versions that belong together. */

/** A package that others publish, and what is wanted of it. */
export interface LibraryPackage {
  readonly registry: 'npm' | 'pypi';
  readonly name: string;
  readonly version: string;
  /** Of its archive: a .tgz of npm, a wheel of PyPI. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Terms of use. */
  readonly license: string;
  /** Paths in the archive with the bytes that they unpack to. */
  readonly entries: readonly { readonly path: string; readonly bytes: number }[];
}

/** What the provider has code for; it has nothing that a driver could translate (read out of its fatbins). */
export const PROVIDER_ARCHITECTURES = ['sm_75', 'sm_80', 'sm_86', 'sm_89', 'sm_90a', 'sm_120a'] as const;

const NVIDIA = 'NVIDIA, proprietary';

/** Of ONNX Runtime 1.29.0 and CUDA 13. docs/decisions/0022 says how they were found. */
export const PACKAGES: readonly LibraryPackage[] = [
  {
    registry: 'npm',
    name: 'com.github.asus4.onnxruntime.linux-x64-gpu',
    version: '0.4.9',
    file: 'com.github.asus4.onnxruntime.linux-x64-gpu-0.4.9.tgz',
    bytes: 179145956,
    sha256: '2b459e0c17f340c92970c10ed86de4f37a3009f93c14053e6ad4334cbb6be412',
    license: 'MIT',
    entries: [
      { path: 'package/Plugins/Linux/x64/libonnxruntime_providers_shared.so', bytes: 14632 },
      { path: 'package/Plugins/Linux/x64/libonnxruntime_providers_cuda.so', bytes: 229780440 },
      { path: 'package/Plugins/Linux/x64/libonnxruntime_providers_tensorrt.so', bytes: 859144 },
    ],
  },
  {
    registry: 'pypi',
    name: 'nvidia-cuda-runtime',
    version: '13.0.96',
    file: 'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    bytes: 2243632,
    sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
    license: NVIDIA,
    entries: [{ path: 'nvidia/cu13/lib/libcudart.so.13', bytes: 704288 }],
  },
  // What cuDNN compiles kernels with when they are first needed: attention on Hopper is among them.
  {
    registry: 'pypi',
    name: 'nvidia-cuda-nvrtc',
    version: '13.0.88',
    file: 'nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    bytes: 90215200,
    sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575',
    license: NVIDIA,
    entries: [
      { path: 'nvidia/cu13/lib/libnvrtc.so.13', bytes: 109338064 },
      { path: 'nvidia/cu13/lib/libnvrtc-builtins.so.13.0', bytes: 4380616 },
    ],
  },
  {
    registry: 'pypi',
    name: 'nvidia-cublas',
    version: '13.1.1.3',
    file: 'nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 423138758,
    sha256: '37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436',
    license: NVIDIA,
    entries: [
      { path: 'nvidia/cu13/lib/libcublas.so.13', bytes: 54177976 },
      { path: 'nvidia/cu13/lib/libcublasLt.so.13', bytes: 541607888 },
    ],
  },
  {
    registry: 'pypi',
    name: 'nvidia-curand',
    version: '10.4.0.35',
    file: 'nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 59544258,
    sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc',
    license: NVIDIA,
    entries: [{ path: 'nvidia/cu13/lib/libcurand.so.10', bytes: 132698328 }],
  },
  {
    registry: 'pypi',
    name: 'nvidia-cudnn-cu13',
    version: '9.24.0.43',
    file: 'nvidia_cudnn_cu13-9.24.0.43-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 553099438,
    sha256: '71f181cd810e90f9b6023b01186fe82d13d65f0ec098581ee201d39fad769e4b',
    license: NVIDIA,
    entries: [
      { path: 'nvidia/cudnn/lib/libcudnn.so.9', bytes: 129240 },
      { path: 'nvidia/cudnn/lib/libcudnn_adv.so.9', bytes: 109169040 },
      { path: 'nvidia/cudnn/lib/libcudnn_cnn.so.9', bytes: 4203896 },
      { path: 'nvidia/cudnn/lib/libcudnn_engines_precompiled.so.9', bytes: 260072464 },
      { path: 'nvidia/cudnn/lib/libcudnn_engines_runtime_compiled.so.9', bytes: 33586832 },
      { path: 'nvidia/cudnn/lib/libcudnn_engines_tensor_ir.so.9', bytes: 201345448 },
      { path: 'nvidia/cudnn/lib/libcudnn_ext.so.9', bytes: 127944928 },
      { path: 'nvidia/cudnn/lib/libcudnn_graph.so.9', bytes: 128148560 },
      { path: 'nvidia/cudnn/lib/libcudnn_heuristic.so.9', bytes: 60822216 },
      { path: 'nvidia/cudnn/lib/libcudnn_ops.so.9', bytes: 39855824 },
    ],
  },
];
