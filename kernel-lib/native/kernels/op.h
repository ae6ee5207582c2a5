// What every kernel needs of TensorFlow's C interface: inputs and outputs as float arrays, and registration.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace jomed {

// One input; owns its handle.
class Input {
 public:
  Input(TF_OpKernelContext* context, int index);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  const float* data() const { return data_; }
  int rank() const { return static_cast<int>(shape_.size()); }
  int64_t dim(int axis) const { return shape_[axis < 0 ? axis + rank() : axis]; }
  int64_t size() const { return size_; }
  // Product of all axes but the last.
  int64_t rows() const { return size() == 0 ? 0 : size() / dim(-1); }
  const std::vector<int64_t>& shape() const { return shape_; }

 private:
  TF_Tensor* tensor_ = nullptr;
  // kept here because asking TensorFlow is a call, and loops ask often
  const float* data_ = nullptr;
  std::vector<int64_t> shape_;
  int64_t size_ = 1;
};

// Allocates output `index` and returns its memory.
float* Output(TF_OpKernelContext* context, int index, const std::vector<int64_t>& shape);

// Reports an error of the caller; compute functions return after it.
void Refuse(TF_OpKernelContext* context, const char* message);

// A number given with the operation.
float FloatAttribute(TF_OpKernelConstruction* construction, const char* name);
int64_t IntAttribute(TF_OpKernelConstruction* construction, const char* name);

// Everything that makes an operation known to TensorFlow. All inputs and outputs are float32; "N * weights" stands for N of
// them, where N is an attribute ("N: int").
struct OpDefinition {
  const char* name;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  std::vector<const char*> attributes;  // "epsilon: float"
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};

// Registers operation and kernel; throws std::runtime_error when TensorFlow refuses.
void Register(const OpDefinition& definition);

inline void* CreateNothing(TF_OpKernelConstruction*) { return nullptr; }
inline void DestroyNothing(void*) {}

}  // namespace jomed
