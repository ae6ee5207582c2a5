// The groups of kernels in this library; each makes its operations known to TensorFlow.
#pragma once

namespace jomed {

void RegisterNorms();
void RegisterGates();
void RegisterRotary();
void RegisterAttention();
void RegisterAttentionGradient();
void RegisterLora();
void RegisterAdamW();
void RegisterLinear();
void RegisterCrossEntropy();
void RegisterColumnSum();

}  // namespace jomed
