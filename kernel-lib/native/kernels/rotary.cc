// Rotary position embedding apart from attention: every head of every row turned by its angles, in one pass.
#include "rotary.h"

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

// (x [rows, heads * width], cos and sin [positions, width]) -> y
void ComputeRotary(void* kernel, TF_OpKernelContext* context) {
  const Input x(context, 0), cosines(context, 1), sines(context, 2);
  const int64_t rows = x.rows(), total = x.dim(-1), width = cosines.dim(-1);
  const Angles angles(cosines, sines);
  if (angles.empty() || total % width != 0 || !angles.Fit(rows, width))
    return Refuse(context, "rotary: x must hold whole heads and whole repetitions of the positions");
  const float direction = static_cast<Rotary*>(kernel)->direction;
  float* y = Output(context, 0, x.shape());
  ParallelRows(rows, kPiece, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++)
      for (int64_t at = row * total; at < (row + 1) * total; at += width)
        angles.Turn(x.data() + at, row, direction, y + at);
  });
}

}  // namespace

void RegisterRotary() {
  Register({"JomedRotary", {"x", "cos", "sin"}, {"y"}, {"direction: float"}, &CreateRotary, &ComputeRotary,
            &DestroyRotary});
}

}  // namespace jomed
