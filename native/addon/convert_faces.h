#pragma once

#include <napi.h>

#include <string>

#include "pipeline/faces/find.h"
#include "pipeline/faces/paste.h"

/// Faces across the door, under the rules of addon/convert.h. TypeScript's forms are in src/native/faces.ts.
namespace diffbir {

faces::FindJob to_find_job(Napi::Value value, const std::string& name);
faces::PasteJob to_paste_job(Napi::Value value, const std::string& name);
faces::Landmarks to_landmarks(Napi::Value value, const std::string& name);  // Float64Array of 10
cv::Affine to_affine(Napi::Value value, const std::string& name);           // Float64Array of 6

Napi::Object from_detection(Napi::Env env, const faces::Detection& detection);
Napi::Object from_found_faces(Napi::Env env, const faces::FoundFaces& found);
Napi::Value from_affine(Napi::Env env, const cv::Affine& m);

}  // namespace diffbir
