// A Node add-on without functions: loading it makes the kernels known to the TensorFlow that is loaded already.
#include <node_api.h>

#include <stdexcept>

#include "kernels.h"

namespace {

napi_value Init(napi_env env, napi_value exports) {
  try {
    jomed::RegisterNorms();
    jomed::RegisterGates();
    jomed::RegisterRotary();
    jomed::RegisterAttention();
    jomed::RegisterAttentionGradient();
    jomed::RegisterLora();
    jomed::RegisterAdamW();
    jomed::RegisterLinear();
    jomed::RegisterCrossEntropy();
    jomed::RegisterColumnSum();
  } catch (const std::runtime_error& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return exports;
}

}  // namespace

NAPI_MODULE(jomed_kernels, Init)
