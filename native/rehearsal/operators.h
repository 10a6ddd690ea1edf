#pragma once

namespace diffbir::rehearsal {

/// Whether networks that are made from here on have our operators for a GPU on the processor. With other operators that
/// it has too, they run there, with our kernels if the GPU computes.
void move_operators(bool moves);

}  // namespace diffbir::rehearsal
