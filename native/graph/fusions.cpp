#include "graph/build_options.h"

namespace diffbir::graph {

Fusions fusions_for(Provider provider) {
  if (provider == Provider::cpu) return {};
  const bool is_cuda = provider == Provider::cuda;
  return {
      .attention = is_cuda,
      .group_norm = false,
      .layer_norm = false,
      .linear = is_cuda,
      .gelu = is_cuda,
      .geglu = false,
      .vector_kernels = false,
      .nhwc = is_cuda,
      .nhwc_group_norm = is_cuda,
      .skip_group_norm = is_cuda,
      .skip_layer_norm = is_cuda,
      .bias_add = is_cuda,
      .bias_split_gelu = is_cuda,
      .fused_kernels = is_cuda,
      .packed_attention = is_cuda,
      .equal_concat = is_cuda,
      .separate_tiles = true,
  };
}

}  // namespace diffbir::graph
