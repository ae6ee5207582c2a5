// Softmax cross-entropy of rows of logits against one class each, forward and backward.
#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "op.h"
#include "parallel.h"
#include "vector.h"

namespace jomed {
namespace {

constexpr int64_t kPiece = 16;  // rows of one piece of work

// log of the sum of exp over a row: within 1e-6 of its size.
float LogSumExp(const float* row, int64_t count) {
  Vec highs = Fill(row[0]);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Vec next = Load(row + i);
    highs = next > highs ? next : highs;
  }
  float high = row[0];
  for (int lane = 0; lane < kLanes; lane++) high = std::max(high, highs[lane]);
  for (; i < count; i++) high = std::max(high, row[i]);
  const Vec level = Fill(high);
  Vec sum = Fill(0);
  i = 0;
  for (; i + kLanes <= count; i += kLanes) sum += Exp(Load(row + i) - level);
  float total = SumLanes(sum);
  for (; i < count; i++) total += std::exp(row[i] - high);
  return high + std::log(total);
}

// (logits [n, classes], labels [n]) -> (loss [n], log of the sum of exp [n])
void ComputeCrossEntropy(void*, TF_OpKernelContext* context) {
  const Input logits(context, 0), labels(context, 1);
  const int64_t rows = logits.rows(), classes = logits.dim(-1);
  if (labels.size() != rows) return Refuse(context, "cross-entropy: one label per row is needed");
  float* loss = Output(context, 0, {rows});
  float* level = Output(context, 1, {rows});
  ParallelRows(rows, kPiece, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) {
      const float* from = logits.data() + row * classes;
      level[row] = LogSumExp(from, classes);
      loss[row] = level[row] - from[static_cast<int64_t>(labels.data()[row])];
    }
  });
}

// (dloss [n], logits, labels, log of the sum of exp) -> dlogits = dloss (softmax - chosen)
void ComputeCrossEntropyGradient(void*, TF_OpKernelContext* context) {
  const Input dy(context, 0), logits(context, 1), labels(context, 2), level(context, 3);
  const int64_t rows = logits.rows(), classes = logits.dim(-1);
  float* dx = Output(context, 0, logits.shape());
  ParallelRows(rows, kPiece, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) {
      const Vec base = Fill(level.data()[row]), factor = Fill(dy.data()[row]);
      float* to = dx + row * classes;
      MapRow(logits.data() + row * classes, to, classes, [&](Vec v) { return factor * Exp(v - base); });
      to[static_cast<int64_t>(labels.data()[row])] -= dy.data()[row];
    }
  });
}

}  // namespace

void RegisterCrossEntropy() {
  Register({"JomedCrossEntropy", {"logits", "labels"}, {"loss", "level"}, {}, &CreateNothing, &ComputeCrossEntropy,
            &DestroyNothing});
  Register({"JomedCrossEntropyGradient", {"dloss", "logits", "labels", "level"}, {"dlogits"}, {}, &CreateNothing,
            &ComputeCrossEntropyGradient, &DestroyNothing});
}

}  // namespace jomed
