// One AdamW step over all values of all weights, in one pass.
#include <cmath>

#include "kernels.h"
#include "op.h"
#include "parallel.h"

namespace jomed {
namespace {

constexpr int64_t kPiece = 16384;  // values of one piece of work

// (values, mean, variance, gradient, decays [n], settings [8]) -> (values, mean, variance)
// settings: beta1, 1 - beta1, beta2, 1 - beta2, sqrt of correction 2, epsilon, learning rate / correction 1, decay
void ComputeAdamW(void*, TF_OpKernelContext* context) {
  const Input values(context, 0), mean(context, 1), variance(context, 2), gradient(context, 3), decays(context, 4),
      settings(context, 5);
  const int64_t size = values.size();
  if (mean.size() != size || variance.size() != size || gradient.size() != size || decays.size() != size ||
      settings.size() != 8)
    return Refuse(context, "adamw: all inputs must have one value per weight, and there must be 8 settings");
  const float* s = settings.data();
  float* newValues = Output(context, 0, {size});
  float* newMean = Output(context, 1, {size});
  float* newVariance = Output(context, 2, {size});
  ParallelRows(size, kPiece, [&](int64_t first, int64_t last) {
    const float *w = values.data(), *m = mean.data(), *v = variance.data(), *g = gradient.data(), *d = decays.data();
    for (int64_t i = first; i < last; i++) {
      const float average = m[i] * s[0] + g[i] * s[1];
      const float square = v[i] * s[2] + g[i] * g[i] * s[3];
      newMean[i] = average;
      newVariance[i] = square;
      newValues[i] = w[i] * (1.0f - d[i] * s[7]) - average / (std::sqrt(square) / s[4] + s[5]) * s[6];
    }
  });
}

}  // namespace

void RegisterAdamW() {
  Register({"JomedAdamW", {"values", "mean", "variance", "gradient", "decays", "settings"},
            {"new_values", "new_mean", "new_variance"}, {}, &CreateNothing, &ComputeAdamW, &DestroyNothing});
}

}  // namespace jomed
