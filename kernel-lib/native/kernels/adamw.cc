// One AdamW step over all weights in one pass, and the length of all gradients together.
#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels.h"
#include "op.h"
#include "parallel.h"

namespace jomed {
namespace {

constexpr int64_t kPiece = 8192;  // values of one piece of work

struct Count {
  int64_t variables;
};

void* CreateCount(TF_OpKernelConstruction* construction) { return new Count{IntAttribute(construction, "N")}; }

void DestroyCount(void* count) { delete static_cast<Count*>(count); }

// Some values of one variable; `place` is where they stand among the values of all.
struct Piece {
  int64_t variable, first, last, place;
};

std::vector<Piece> CutPieces(const std::vector<int64_t>& sizes) {
  std::vector<Piece> pieces;
  int64_t place = 0;
  for (size_t i = 0; i < sizes.size(); i++)
    for (int64_t first = 0; first < sizes[i]; first += kPiece) {
      const int64_t last = std::min(first + kPiece, sizes[i]);
      pieces.push_back({static_cast<int64_t>(i), first, last, place});
      place += last - first;
    }
  return pieces;
}

struct Rates {
  float beta1, rest1, beta2, rest2, correction2, epsilon, pace, decay, scale;
};

struct Before {
  const float *values, *gradients, *mean, *variance, *decays;
};

// Nothing overlaps: saying so lets the compiler take eight values at once.
void Advance(const Rates& given, int64_t count, const Before& before, float* __restrict__ to,
             float* __restrict__ newMean, float* __restrict__ newVariance) {
  const Rates s = given;
  const float* __restrict__ w = before.values;
  const float* __restrict__ gradient = before.gradients;
  const float* __restrict__ mean = before.mean;
  const float* __restrict__ variance = before.variance;
  const float* __restrict__ decays = before.decays;
  for (int64_t i = 0; i < count; i++) {
    const float g = gradient[i] * s.scale;
    const float average = mean[i] * s.beta1 + g * s.rest1;
    const float square = variance[i] * s.beta2 + g * g * s.rest2;
    newMean[i] = average;
    newVariance[i] = square;
    to[i] = w[i] * (1.0f - decays[i] * s.decay) - average / (std::sqrt(square) / s.correction2 + s.epsilon) * s.pace;
  }
}

// (values N, gradients N, mean, variance and decays [n], settings [9]) -> (values N, mean, variance)
// settings: beta1, 1 - beta1, beta2, 1 - beta2, sqrt of correction 2, epsilon, learning rate / correction 1, decay, and
// what gradients are multiplied by
void ComputeAdamW(void* kernel, TF_OpKernelContext* context) {
  const int count = static_cast<int>(static_cast<Count*>(kernel)->variables);
  std::vector<std::unique_ptr<Input>> inputs;
  for (int i = 0; i < 2 * count + 4; i++) inputs.push_back(std::make_unique<Input>(context, i));
  std::vector<int64_t> sizes;
  std::vector<float*> moved;
  for (int i = 0; i < count; i++) {
    if (inputs[i]->size() != inputs[count + i]->size()) return Refuse(context, "adamw: a gradient has another size");
    sizes.push_back(inputs[i]->size());
    moved.push_back(Output(context, i, inputs[i]->shape()));
  }
  const float *mean = inputs[2 * count]->data(), *variance = inputs[2 * count + 1]->data();
  const float *decays = inputs[2 * count + 2]->data(), *s = inputs[2 * count + 3]->data();
  float* newMean = Output(context, count, inputs[2 * count]->shape());
  float* newVariance = Output(context, count + 1, inputs[2 * count]->shape());
  const std::vector<Piece> pieces = CutPieces(sizes);
  const Rates rates = {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]};
  ParallelFor(pieces.size(), [&](int64_t index) {
    const Piece& piece = pieces[index];
    const float* w = inputs[piece.variable]->data() + piece.first;
    const float* gradient = inputs[count + piece.variable]->data() + piece.first;
    const int64_t at = piece.place;
    const Before before = {w, gradient, mean + at, variance + at, decays + at};
    Advance(rates, piece.last - piece.first, before, moved[piece.variable] + piece.first, newMean + at,
            newVariance + at);
  });
}

// gradients N -> sum of all squares, one value
void ComputeSquareSum(void* kernel, TF_OpKernelContext* context) {
  const int count = static_cast<int>(static_cast<Count*>(kernel)->variables);
  double total = 0;
  for (int i = 0; i < count; i++) {
    const Input gradient(context, i);
    const float* values = gradient.data();
    double lanes[8] = {0};  // eight sums side by side, so that the processor can add several at once
    for (int64_t at = 0; at < gradient.size(); at++) lanes[at % 8] += static_cast<double>(values[at]) * values[at];
    for (const double lane : lanes) total += lane;
  }
  Output(context, 0, {})[0] = static_cast<float>(total);
}

}  // namespace

void RegisterAdamW() {
  Register({"JomedAdamW", {"N * values", "N * gradients", "mean", "variance", "decays", "settings"},
            {"N * new_values", "new_mean", "new_variance"}, {"N: int"}, &CreateCount, &ComputeAdamW, &DestroyCount});
  Register({"JomedSquareSum", {"N * gradients"}, {"sum"}, {"N: int"}, &CreateCount, &ComputeSquareSum, &DestroyCount});
}

}  // namespace jomed
