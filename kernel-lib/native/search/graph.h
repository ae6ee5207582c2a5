// hnswlib's graph over inner products, as a class of JavaScript: `new Graph(dimension)`.
#pragma once

#include <napi.h>

namespace jomed {

void DefineGraph(Napi::Env env, Napi::Object exports);

}  // namespace jomed
