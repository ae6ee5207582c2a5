// Sums of columns: the gradient of a bias.
#include <vector>

#include "kernels.h"
#include "op.h"
#include "parallel.h"

namespace jomed {
namespace {

constexpr int64_t kPiece = 16384;  // values of one piece of work

// x [..., width] -> [width]; the rows of a piece in order, then the pieces in order.
void ComputeColumnSum(void*, TF_OpKernelContext* context) {
  const Input x(context, 0);
  const int64_t rows = x.rows(), width = x.dim(-1), piece = kPiece / width + 1;
  float* sums = Output(context, 0, {width});
  const int64_t pieces = (rows + piece - 1) / piece;
  std::vector<float> partial(pieces * width, 0.0f);
  ParallelRows(rows, piece, [&](int64_t first, int64_t last) {
    float* to = partial.data() + first / piece * width;
    for (int64_t row = first; row < last; row++) {
      const float* from = x.data() + row * width;
      for (int64_t i = 0; i < width; i++) to[i] += from[i];
    }
  });
  for (int64_t i = 0; i < width; i++) sums[i] = 0.0f;
  for (int64_t p = 0; p < pieces; p++)
    for (int64_t i = 0; i < width; i++) sums[i] += partial[p * width + i];
}

}  // namespace

void RegisterColumnSum() {
  Register({"JomedColumnSum", {"x"}, {"sums"}, {}, &CreateNothing, &ComputeColumnSum, &DestroyNothing});
}

}  // namespace jomed
