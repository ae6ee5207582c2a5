// Gates of the MLPs: x * sigmoid(steepness * x), alone (quick GELU, SiLU) and times a second half (gated MLP).
#include "kernels.h"
#include "op.h"
#include "parallel.h"
#include "vector.h"

namespace jomed {
namespace {

constexpr int64_t kPiece = 16384;  // values of one piece of work

inline Vec Sigmoid(Vec x) { return 1.0f / (1.0f + Exp(-x)); }

struct Gate {
  float steepness;
};

void* CreateGate(TF_OpKernelConstruction* construction) {
  return new Gate{FloatAttribute(construction, "steepness")};
}

void DestroyGate(void* gate) { delete static_cast<Gate*>(gate); }

// x -> x * sigmoid(steepness * x)
void ComputeGate(void* kernel, TF_OpKernelContext* context) {
  const Input x(context, 0);
  const float steepness = static_cast<Gate*>(kernel)->steepness;
  float* y = Output(context, 0, x.shape());
  ParallelRows(x.size(), kPiece, [&](int64_t first, int64_t last) {
    MapRow(x.data() + first, y + first, last - first, [&](Vec v) { return v * Sigmoid(steepness * v); });
  });
}

// With s = sigmoid(steepness * x): dx = dy * s * (1 + steepness * x * (1 - s)).
inline Vec Slope(Vec x, Vec share, float steepness) { return share * (1.0f + steepness * x * (1.0f - share)); }

// (dy, x) -> dx
void ComputeGateGradient(void* kernel, TF_OpKernelContext* context) {
  const Input dy(context, 0), x(context, 1);
  const float steepness = static_cast<Gate*>(kernel)->steepness;
  float* dx = Output(context, 0, x.shape());
  ParallelRows(x.size(), kPiece, [&](int64_t first, int64_t last) {
    MapRow(x.data() + first, dx + first, last - first,
           [&](Vec v) { return Slope(v, Sigmoid(steepness * v), steepness); });
    const float* up = dy.data();
    for (int64_t i = first; i < last; i++) dx[i] *= up[i];
  });
}

// x [rows, 2 * width] = (gate, up) -> silu(gate) * up
void ComputeGatedSilu(void*, TF_OpKernelContext* context) {
  const Input x(context, 0);
  const int64_t rows = x.rows(), width = x.dim(-1) / 2;
  float* y = Output(context, 0, {rows, width});
  ParallelRows(rows, kPiece / width + 1, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) {
      const float* gate = x.data() + 2 * row * width;
      float* to = y + row * width;
      MapRow(gate, to, width, [](Vec v) { return v * Sigmoid(v); });
      for (int64_t i = 0; i < width; i++) to[i] *= gate[width + i];
    }
  });
}

// (dy, x) -> dx [rows, 2 * width]
void ComputeGatedSiluGradient(void*, TF_OpKernelContext* context) {
  const Input dy(context, 0), x(context, 1);
  const int64_t rows = x.rows(), width = x.dim(-1) / 2;
  float* dx = Output(context, 0, x.shape());
  ParallelRows(rows, kPiece / width + 1, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) {
      const float* gate = x.data() + 2 * row * width;
      const float* up = dy.data() + row * width;
      float* to = dx + 2 * row * width;
      MapRow(gate, to + width, width, [](Vec v) { return v * Sigmoid(v); });
      MapRow(gate, to, width, [](Vec v) { return Slope(v, Sigmoid(v), 1.0f); });
      for (int64_t i = 0; i < width; i++) {
        to[i] *= up[i] * gate[width + i];
        to[width + i] *= up[i];
      }
    }
  });
}

}  // namespace

void RegisterGates() {
  Register({"JomedGate", {"x"}, {"y"}, {"steepness: float"}, &CreateGate, &ComputeGate, &DestroyGate});
  Register({"JomedGateGradient", {"dy", "x"}, {"dx"}, {"steepness: float"}, &CreateGate, &ComputeGateGradient,
            &DestroyGate});
  Register({"JomedGatedSilu", {"x"}, {"y"}, {}, &CreateNothing, &ComputeGatedSilu, &DestroyNothing});
  Register({"JomedGatedSiluGradient", {"dy", "x"}, {"dx"}, {}, &CreateNothing, &ComputeGatedSiluGradient,
            &DestroyNothing});
}

}  // namespace jomed
