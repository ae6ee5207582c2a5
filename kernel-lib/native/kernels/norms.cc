// Layer norm and RMS norm over the last axis, forward and backward, each in one pass over the rows.
#include <cmath>

#include "kernels.h"
#include "op.h"
#include "parallel.h"
#include "vector.h"

namespace jomed {
namespace {

constexpr int64_t kPiece = 64;  // rows of one piece of work

struct Norm {
  float epsilon;
};

void* CreateNorm(TF_OpKernelConstruction* construction) {
  return new Norm{FloatAttribute(construction, "epsilon")};
}

void DestroyNorm(void* norm) { delete static_cast<Norm*>(norm); }

// Sum over a row of f(vector at i); the padded rest counts f(0, ...), which must be 0.
template <typename F>
float SumRow(int64_t width, F f) {
  Vec sum = Fill(0);
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) sum += f(i, kLanes);
  if (i < width) sum += f(i, width - i);
  return SumLanes(sum);
}

// `count` values from `from`, zeros behind them.
inline Vec LoadSome(const float* from, int64_t count) {
  if (count == kLanes) return Load(from);
  float rest[kLanes] = {0};
  std::memcpy(rest, from, sizeof(float) * count);
  return Load(rest);
}

struct RowStatistics {
  float mean;
  float scale;
};

template <bool kCentred>
RowStatistics Measure(const float* x, int64_t width, float epsilon) {
  const auto load = [&](int64_t i, int64_t n) { return LoadSome(x + i, n); };
  const float mean = kCentred ? SumRow(width, load) / width : 0.0f;
  const Vec centre = Fill(mean);
  Vec sum = Fill(0);
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    const Vec v = Load(x + i) - centre;
    sum += v * v;
  }
  float squares = SumLanes(sum);
  for (; i < width; i++) squares += (x[i] - mean) * (x[i] - mean);
  return {mean, 1.0f / std::sqrt(squares / width + epsilon)};
}

// (x, weight[, bias]) -> (y, statistics [rows, 2])
template <bool kCentred>
void ComputeNorm(void* kernel, TF_OpKernelContext* context) {
  const Input x(context, 0), weight(context, 1);
  const int64_t rows = x.rows(), width = x.dim(-1);
  if (weight.size() != width) return Refuse(context, "norm: weight must be as wide as x");
  const float epsilon = static_cast<Norm*>(kernel)->epsilon;
  const std::vector<float> zeros(kCentred ? 0 : width, 0.0f);
  const Input bias(context, kCentred ? 2 : 1);
  const float* add = kCentred ? bias.data() : zeros.data();
  float* y = Output(context, 0, x.shape());
  float* statistics = Output(context, 1, {rows, 2});
  const float* factor = weight.data();
  ParallelRows(rows, kPiece, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) {
      const float* from = x.data() + row * width;
      float* to = y + row * width;
      const RowStatistics s = Measure<kCentred>(from, width, epsilon);
      statistics[2 * row] = s.mean;
      statistics[2 * row + 1] = s.scale;
      for (int64_t i = 0; i < width; i++) to[i] = (from[i] - s.mean) * s.scale * factor[i] + add[i];
    }
  });
}

// (dy, x, weight, statistics) -> (dx, dweight, dbias)
template <bool kCentred>
void ComputeNormGradient(void*, TF_OpKernelContext* context) {
  const Input dy(context, 0), x(context, 1), weight(context, 2), statistics(context, 3);
  const int64_t rows = x.rows(), width = x.dim(-1);
  float* dx = Output(context, 0, x.shape());
  float* sums[2] = {Output(context, 1, {width}), Output(context, 2, {width})};
  const int64_t pieces = (rows + kPiece - 1) / kPiece;
  std::vector<float> partial(2 * pieces * width, 0.0f);  // dweight and dbias of every piece
  ParallelRows(rows, kPiece, [&](int64_t first, int64_t last) {
    float* dWeight = partial.data() + 2 * (first / kPiece) * width;
    float* dBias = dWeight + width;
    std::vector<float> normal(width), slope(width);
    const float* factor = weight.data();
    for (int64_t row = first; row < last; row++) {
      const float* from = x.data() + row * width;
      const float* up = dy.data() + row * width;
      const float mean = statistics.data()[2 * row], scale = statistics.data()[2 * row + 1];
      for (int64_t i = 0; i < width; i++) {
        normal[i] = (from[i] - mean) * scale;
        slope[i] = up[i] * factor[i];
        dWeight[i] += up[i] * normal[i];
        dBias[i] += up[i];
      }
      const float along = SumRow(width, [&](int64_t i, int64_t n) {
                            return LoadSome(&normal[i], n) * LoadSome(&slope[i], n);
                          }) / width;
      const float level =
          kCentred ? SumRow(width, [&](int64_t i, int64_t n) { return LoadSome(&slope[i], n); }) / width : 0.0f;
      float* to = dx + row * width;
      for (int64_t i = 0; i < width; i++) to[i] = (slope[i] - normal[i] * along - level) * scale;
    }
  });
  for (int part = 0; part < 2; part++)
    for (int64_t i = 0; i < width; i++) {
      float sum = 0;
      for (int64_t piece = 0; piece < pieces; piece++) sum += partial[(2 * piece + part) * width + i];
      sums[part][i] = sum;
    }
}

}  // namespace

void RegisterNorms() {
  Register({"JomedRmsNorm", {"x", "weight"}, {"y", "statistics"}, {"epsilon: float"}, &CreateNorm,
            &ComputeNorm<false>, &DestroyNorm});
  Register({"JomedLayerNorm", {"x", "weight", "bias"}, {"y", "statistics"}, {"epsilon: float"}, &CreateNorm,
            &ComputeNorm<true>, &DestroyNorm});
  const std::vector<const char*> inputs = {"dy", "x", "weight", "statistics"};
  const std::vector<const char*> outputs = {"dx", "dweight", "dbias"};
  Register({"JomedRmsNormGradient", inputs, outputs, {}, &CreateNothing, &ComputeNormGradient<false>, &DestroyNothing});
  Register({"JomedLayerNormGradient", inputs, outputs, {}, &CreateNothing, &ComputeNormGradient<true>, &DestroyNothing});
}

}  // namespace jomed
