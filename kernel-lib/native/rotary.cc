// Rotary position embedding: every head of every row turned by its angles, in one pass.
#include "kernels.h"
#include "op.h"
#include "parallel.h"

namespace jomed {
namespace {

constexpr int64_t kPiece = 64;  // rows of one piece of work

struct Rotary {
  float direction;  // 1 turns forward, -1 back
};

void* CreateRotary(TF_OpKernelConstruction* construction) {
  return new Rotary{FloatAttribute(construction, "direction")};
}

void DestroyRotary(void* rotary) { delete static_cast<Rotary*>(rotary); }

// (x [rows, heads * width], cos and sin [positions, width]) -> y; the positions repeat when there are more rows.
// Both halves of a head hold the same angles: (a, b) -> (a cos - b sin, b cos + a sin).
void ComputeRotary(void* kernel, TF_OpKernelContext* context) {
  const Input x(context, 0), cosines(context, 1), sines(context, 2);
  const int64_t rows = x.rows(), total = x.dim(-1), width = cosines.dim(-1), positions = cosines.rows();
  if (total % width != 0 || positions == 0 || rows % positions != 0)
    return Refuse(context, "rotary: x must hold whole heads and whole repetitions of the positions");
  const float direction = static_cast<Rotary*>(kernel)->direction;
  const int64_t half = width / 2;
  float* y = Output(context, 0, x.shape());
  ParallelRows(rows, kPiece, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) {
      const float* cos = cosines.data() + (row % positions) * width;
      const float* sin = sines.data() + (row % positions) * width;
      for (int64_t at = row * total; at < (row + 1) * total; at += width) {
        const float* from = x.data() + at;
        float* to = y + at;
        for (int64_t j = 0; j < half; j++) {
          const float turned = direction * sin[j];
          to[j] = from[j] * cos[j] - from[j + half] * turned;
          to[j + half] = from[j + half] * cos[j] + from[j] * turned;
        }
      }
    }
  });
}

}  // namespace

void RegisterRotary() {
  Register({"JomedRotary", {"x", "cos", "sin"}, {"y"}, {"direction: float"}, &CreateRotary, &ComputeRotary,
            &DestroyRotary});
}

}  // namespace jomed
