// Low-rank updates of linear maps: the merged weight, and the gradients of A and B in one pass over the rows.
#include <algorithm>
#include <memory>

#include "kernels.h"
#include "multiply.h"
#include "op.h"
#include "parallel.h"

namespace jomed {
namespace {

constexpr int64_t kPiece = 256;  // rows of one piece of work, summed on their own
constexpr int64_t kBlock = 64;   // rows that stay in a core's cache meanwhile

struct Lora {
  int64_t parts;
  float scaling;
};

void* CreateLora(TF_OpKernelConstruction* construction) {
  return new Lora{IntAttribute(construction, "N"), FloatAttribute(construction, "scaling")};
}

void DestroyLora(void* lora) { delete static_cast<Lora*>(lora); }

typedef std::vector<std::unique_ptr<Input>> Inputs;

Inputs Take(TF_OpKernelContext* context, int first, int64_t count) {
  Inputs inputs;
  for (int64_t i = 0; i < count; i++) inputs.push_back(std::make_unique<Input>(context, first + static_cast<int>(i)));
  return inputs;
}

inline int64_t Padded(int64_t length) { return (length + kLanes - 1) / kLanes * kLanes; }

// (weights N * [out, in], A N * [rank, in], B N * [out, rank]) -> W + scaling * B A of all parts, one below the other
void ComputeMerge(void* kernel, TF_OpKernelContext* context) {
  const Lora& lora = *static_cast<Lora*>(kernel);
  const int parts = static_cast<int>(lora.parts);
  const Inputs weights = Take(context, 0, parts), downs = Take(context, parts, parts),
               ups = Take(context, 2 * parts, parts);
  const int64_t width = weights[0]->dim(1);
  int64_t rows = 0;
  for (const auto& weight : weights) rows += weight->dim(0);
  float* merged = Output(context, 0, {rows, width});
  for (int part = 0; part < parts; part++) {
    const int64_t size = weights[part]->dim(0), rank = downs[part]->dim(0);
    const float *from = weights[part]->data(), *a = downs[part]->data(), *b = ups[part]->data();
    for (int64_t row = 0; row < size; row++, merged += width) {
      std::copy(from + row * width, from + (row + 1) * width, merged);
      for (int64_t r = 0; r < rank; r++) {
        const float factor = lora.scaling * b[row * rank + r];
        for (int64_t i = 0; i < width; i++) merged[i] += factor * a[r * width + i];
      }
    }
  }
}

// One part on its way through the rows.
struct Part {
  int64_t start, size, rank, rank8;  // first column of dy, columns, rank, rank in whole vectors
  std::vector<float> down, up;       // A on its side [in, rank8]; B [size, rank8]

  Part(const Input& a, const Input& b, int64_t first) : start(first), size(b.dim(0)), rank(a.dim(0)), rank8(Padded(rank)) {
    const int64_t width = a.dim(1);
    down.assign(width * rank8, 0.0f);
    up.assign(size * rank8, 0.0f);
    for (int64_t r = 0; r < rank; r++)
      for (int64_t i = 0; i < width; i++) down[i * rank8 + r] = a.data()[r * width + i];
    for (int64_t o = 0; o < size; o++)
      for (int64_t r = 0; r < rank; r++) up[o * rank8 + r] = b.data()[o * rank + r];
  }
};

struct Rows {
  const float *dy, *x;
  int64_t out, width;  // columns of dy and of x
};

// Adds the share of some rows to dA [rank, in] and to dB on its side [rank, size].
void AddRows(const Rows& rows, const Part& part, int64_t first, int64_t last, float* dA, float* dB) {
  float narrow[2][kBlock * 64];  // x A^T and dy B, ranks up to 64
  for (int64_t from = first; from < last; from += kBlock) {
    const int64_t count = std::min(kBlock, last - from);
    const float* x = rows.x + from * rows.width;
    const float* dy = rows.dy + from * rows.out + part.start;
    for (int64_t row = 0; row < count; row += 4) {
      const int64_t few = std::min<int64_t>(4, count - row);
      MultiplyFew<false>(few, {x + row * rows.width, rows.width, 1}, part.down.data(), part.rank8,
                         narrow[0] + row * part.rank8, part.rank8, rows.width, part.rank8);
      MultiplyFew<false>(few, {dy + row * rows.out, rows.out, 1}, part.up.data(), part.rank8,
                         narrow[1] + row * part.rank8, part.rank8, part.size, part.rank8);
    }
    for (int64_t r = 0; r < part.rank; r += 4) {
      const int64_t few = std::min<int64_t>(4, part.rank - r);
      MultiplyFew<true>(few, {narrow[1] + r, 1, part.rank8}, x, rows.width, dA + r * rows.width, rows.width, count,
                        rows.width);
      MultiplyFew<true>(few, {narrow[0] + r, 1, part.rank8}, dy, rows.out, dB + r * part.size, part.size, count,
                        part.size);
    }
  }
}

// Sum over the pieces, in their order.
inline float SumPieces(const float* first, int64_t pieces, int64_t step) {
  float sum = 0;
  for (int64_t piece = 0; piece < pieces; piece++) sum += first[piece * step];
  return sum;
}

// (dy [n, sum of out], x [n, in], A, B) -> (dA N * [rank, in], dB N * [out, rank])
// dA = scaling (dy B)^T x and dB = scaling dy^T (x A^T); `in` and every `out` are multiples of 8, ranks at most 64.
void ComputeGradient(void* kernel, TF_OpKernelContext* context) {
  const Lora& lora = *static_cast<Lora*>(kernel);
  const int count = static_cast<int>(lora.parts);
  const Input dy(context, 0), x(context, 1);
  const Inputs downs = Take(context, 2, count), ups = Take(context, 2 + count, count);
  const Rows rows = {dy.data(), x.data(), dy.dim(1), x.dim(1)};
  std::vector<Part> parts;
  int64_t start = 0;
  for (int i = 0; i < count; i++) {
    parts.emplace_back(*downs[i], *ups[i], start);
    start += parts.back().size;
    if (parts.back().rank8 > 64 || parts.back().size % kLanes != 0 || rows.width % kLanes != 0)
      return Refuse(context, "lora: ranks must be at most 64, widths multiples of 8");
  }
  const int64_t pieces = (dy.rows() + kPiece - 1) / kPiece;
  std::vector<int64_t> places = {0};  // of each part in a piece's sums
  for (const Part& part : parts) places.push_back(places.back() + part.rank * (rows.width + part.size));
  const int64_t step = places.back();
  std::vector<float> sums(pieces * step, 0.0f);
  ParallelFor(pieces * count, [&](int64_t item) {
    const int64_t piece = item / count, i = item % count;
    const Part& part = parts[i];
    float* dA = &sums[piece * step + places[i]];
    AddRows(rows, part, piece * kPiece, std::min((piece + 1) * kPiece, dy.rows()), dA, dA + part.rank * rows.width);
  });
  for (int i = 0; i < count; i++) {
    const Part& part = parts[i];
    float* dA = Output(context, i, {part.rank, rows.width});
    float* dB = Output(context, count + i, {part.size, part.rank});
    const float* from = sums.data() + places[i];
    for (int64_t at = 0; at < part.rank * rows.width; at++) dA[at] = lora.scaling * SumPieces(from + at, pieces, step);
    from += part.rank * rows.width;
    for (int64_t r = 0; r < part.rank; r++)
      for (int64_t o = 0; o < part.size; o++)
        dB[o * part.rank + r] = lora.scaling * SumPieces(from + r * part.size + o, pieces, step);
  }
}

}  // namespace

void RegisterLora() {
  const std::vector<const char*> attributes = {"N: int", "scaling: float"};
  Register({"JomedLoraMerge", {"N * weights", "N * downs", "N * ups"}, {"merged"}, attributes, &CreateLora,
            &ComputeMerge, &DestroyLora});
  Register({"JomedLoraGradient", {"dy", "x", "N * downs", "N * ups"}, {"N * ddowns", "N * dups"}, attributes,
            &CreateLora, &ComputeGradient, &DestroyLora});
}

}  // namespace jomed
