#pragma once

#include <napi.h>

namespace diffbir {

// Work that needs no model, as tasks of src/native/binding.ts: off the JavaScript thread, without
// progress. Pixels are copied before each returns.

/// degrade({ image, recipe, seed }): a NativeImage.
Napi::Value start_degrade(const Napi::CallbackInfo& info);

/// compare(reference, picture, niqe): a NativeComparison.
Napi::Value start_compare(const Napi::CallbackInfo& info);

/// niqePatches(image): { features, sharpness }, from which the model of NIQE is fitted.
Napi::Value start_niqe_patches(const Napi::CallbackInfo& info);

/// measureSpeed(threads): a number.
Napi::Value start_measure_speed(const Napi::CallbackInfo& info);

}  // namespace diffbir
