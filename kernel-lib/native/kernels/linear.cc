// A linear map with its bias and what it is added to, in one pass, and its two gradients: for weights that stay in a core's second cache.
#include <algorithm>

#include "kernels.h"
#include "op.h"
#include "parallel.h"
#include "vector.h"

namespace jomed {
namespace {

// y[row, column] = sum over k of left[row, k] * right[k, column], in order, and what is added to it.
struct Product {
  int64_t length;     // of k
  int64_t row_step;   // from one row of the left side to the next
  int64_t step;       // from one k of the left side to the next
  int64_t columns;
  const float* bias;  // padded to whole panels
  const float* add;   // as y, or null; may be y
};

// Outputs of kRows rows and one panel of kVecs vectors, held in registers.
template <int kRows, int kVecs>
void ComputeTile(const Product& product, const float* left, const float* panel, int64_t row, int64_t column, float* y) {
  constexpr int64_t width = kVecs * kWideLanes;
  Wide sum[kRows][kVecs];
  for (int r = 0; r < kRows; r++)
    for (int v = 0; v < kVecs; v++) sum[r][v] = Wide{};
  const float* from = left + row * product.row_step;
  for (int64_t k = 0; k < product.length; k++, from += product.step) {
    Wide right[kVecs];
    for (int v = 0; v < kVecs; v++) right[v] = LoadWide(panel + k * width + v * kWideLanes);
    for (int r = 0; r < kRows; r++)
      for (int v = 0; v < kVecs; v++) sum[r][v] += from[r * product.row_step] * right[v];
  }
  for (int r = 0; r < kRows; r++)
    for (int v = 0; v < kVecs; v++) sum[r][v] += LoadWide(product.bias + column + v * kWideLanes);
  const int64_t count = std::min(width, product.columns - column);
  for (int r = 0; r < kRows; r++) {
    const int64_t at = (row + r) * product.columns + column;
    const float* add = product.add == nullptr ? nullptr : product.add + at;
    if (count == width) {
      for (int v = 0; v < kVecs; v++)
        StoreWide(y + at + v * kWideLanes, add == nullptr ? sum[r][v] : sum[r][v] + LoadWide(add + v * kWideLanes));
      continue;
    }
    float line[width];
    for (int v = 0; v < kVecs; v++) StoreWide(line + v * kWideLanes, sum[r][v]);
    for (int64_t c = 0; c < count; c++) y[at + c] = add == nullptr ? line[c] : line[c] + add[c];
  }
}

typedef void (*Tile)(const Product&, const float*, const float*, int64_t, int64_t, float*);

// How outputs are cut into tiles: a tile takes nearly all registers.
struct Tiling {
  int64_t panel;  // output columns taken together
  int64_t rows;   // most rows taken together
  Tile tiles[8];  // by rows - 1
};

#if defined(__AVX512F__)
const Tiling kTilings[] = {
    {4 * kWideLanes, 6,
     {&ComputeTile<1, 4>, &ComputeTile<2, 4>, &ComputeTile<3, 4>, &ComputeTile<4, 4>, &ComputeTile<5, 4>,
      &ComputeTile<6, 4>}},
    {3 * kWideLanes, 8,
     {&ComputeTile<1, 3>, &ComputeTile<2, 3>, &ComputeTile<3, 3>, &ComputeTile<4, 3>, &ComputeTile<5, 3>,
      &ComputeTile<6, 3>, &ComputeTile<7, 3>, &ComputeTile<8, 3>}}};
#else
const Tiling kTilings[] = {
    {2 * kWideLanes, 6,
     {&ComputeTile<1, 2>, &ComputeTile<2, 2>, &ComputeTile<3, 2>, &ComputeTile<4, 2>, &ComputeTile<5, 2>,
      &ComputeTile<6, 2>}},
    {3 * kWideLanes, 4, {&ComputeTile<1, 3>, &ComputeTile<2, 3>, &ComputeTile<3, 3>, &ComputeTile<4, 3>}}};
#endif

inline int64_t RoundUp(int64_t count, int64_t step) { return (count + step - 1) / step * step; }

// The tiling that computes the fewest columns which nobody asked for.
const Tiling& TilingOf(int64_t out) {
  return RoundUp(out, kTilings[1].panel) < RoundUp(out, kTilings[0].panel) ? kTilings[1] : kTilings[0];
}

constexpr int64_t kPackedInputs = 64;

// The weight [out, in] as panels of output columns, each [in, panel]; the last one padded with zeros.
std::vector<Wide> PackPanels(const float* weight, int64_t out, int64_t in, int64_t panel) {
  std::vector<Wide> packed(RoundUp(out, panel) * in / kWideLanes);
  float* start = reinterpret_cast<float*>(packed.data());
  // a few inputs at a time: the lines they are written to then stay in the first-level cache until they are full
  for (int64_t first = 0; first < in; first += kPackedInputs) {
    const int64_t last = std::min(first + kPackedInputs, in);
    for (int64_t o = 0; o < out; o++) {
      float* to = start + o / panel * in * panel + o % panel;
      for (int64_t i = first; i < last; i++) to[i * panel] = weight[o * in + i];
    }
  }
  return packed;
}

// Rows [length, columns] as panels of columns, each [length, panel]; the last one padded with zeros.
std::vector<Wide> PackRows(const float* rows, int64_t length, int64_t columns, int64_t panel) {
  std::vector<Wide> packed(RoundUp(columns, panel) * length / kWideLanes);
  float* start = reinterpret_cast<float*>(packed.data());
  for (int64_t column = 0; column < columns; column += panel)
    for (int64_t k = 0; k < length; k++) {
      const float* from = rows + k * columns + column;
      std::copy(from, from + std::min(panel, columns - column), start + column * length + k * panel);
    }
  return packed;
}

// Rows `first` to before `last` of the product with packed panels.
void ComputeRows(const Product& product, const Tiling& tiling, const float* left, const std::vector<Wide>& packed,
                 int64_t first, int64_t last, float* y) {
  const float* panels = reinterpret_cast<const float*>(packed.data());
  for (int64_t column = 0; column < product.columns; column += tiling.panel)
    for (int64_t row = first; row < last; row += tiling.rows)
      tiling.tiles[std::min(tiling.rows, last - row) - 1](product, left, panels + column * product.length, row, column, y);
}

// (x [..., in], weight [out, in], bias [out] or empty, residual [..., out] or empty) -> x weight' + bias + residual
void ComputeLinear(void*, TF_OpKernelContext* context) {
  const Input x(context, 0), weight(context, 1), bias(context, 2), residual(context, 3);
  const int64_t out = weight.dim(0), in = weight.dim(1), rows = x.rows();
  if (x.dim(-1) != in || (bias.size() != 0 && bias.size() != out) ||
      (residual.size() != 0 && residual.size() != rows * out))
    return Refuse(context, "linear: x, bias and residual must fit the weight");
  std::vector<int64_t> shape = x.shape();
  shape.back() = out;
  float* y = Output(context, 0, shape);
  const Tiling& tiling = TilingOf(out);
  const std::vector<Wide> packed = PackPanels(weight.data(), out, in, tiling.panel);
  std::vector<float> shift(RoundUp(out, tiling.panel), 0.0f);
  if (bias.size() != 0) std::copy(bias.data(), bias.data() + out, shift.begin());
  const Product product = {in, in, 1, out, shift.data(), residual.size() == 0 ? nullptr : residual.data()};
  ParallelRows(rows, 8 * tiling.rows, [&](int64_t first, int64_t last) {
    ComputeRows(product, tiling, x.data(), packed, first, last, y);
  });
}

// (dy [..., out], weight [out, in]) -> dy weight, the gradient of x [..., in]
void ComputeInputGradient(void*, TF_OpKernelContext* context) {
  const Input dy(context, 0), weight(context, 1);
  const int64_t out = weight.dim(0), in = weight.dim(1);
  if (dy.dim(-1) != out) return Refuse(context, "linear: the gradient of y must fit the weight");
  std::vector<int64_t> shape = dy.shape();
  shape.back() = in;
  float* dx = Output(context, 0, shape);
  const Tiling& tiling = TilingOf(in);
  const std::vector<Wide> packed = PackRows(weight.data(), out, in, tiling.panel);
  const std::vector<float> none(RoundUp(in, tiling.panel), 0.0f);
  const Product product = {out, out, 1, in, none.data(), nullptr};
  ParallelRows(dy.rows(), 8 * tiling.rows, [&](int64_t first, int64_t last) {
    ComputeRows(product, tiling, dy.data(), packed, first, last, dx);
  });
}

constexpr int64_t kSummed = 512;  // rows of x that are summed before the next ones: their panels stay in the second-level cache

// (dy [..., out], x [..., in]) -> dy' x, the gradient of the weight [out, in]; blocks of rows in order
void ComputeWeightGradient(void*, TF_OpKernelContext* context) {
  const Input dy(context, 0), x(context, 1);
  const int64_t out = dy.dim(-1), in = x.dim(-1), rows = x.rows();
  if (dy.rows() != rows) return Refuse(context, "linear: x must have as many rows as the gradient of y");
  float* gradient = Output(context, 0, {out, in});
  std::fill(gradient, gradient + out * in, 0.0f);
  const Tiling& tiling = TilingOf(in);
  const std::vector<float> none(RoundUp(in, tiling.panel), 0.0f);
  for (int64_t from = 0; from < rows; from += kSummed) {
    const int64_t count = std::min(kSummed, rows - from);
    const std::vector<Wide> packed = PackRows(x.data() + from * in, count, in, tiling.panel);
    const Product product = {count, 1, out, in, none.data(), gradient};
    ParallelRows(out, 4 * tiling.rows, [&](int64_t first, int64_t last) {
      ComputeRows(product, tiling, dy.data() + from * out, packed, first, last, gradient);
    });
  }
}

}  // namespace

void RegisterLinear() {
  Register({"JomedLinear", {"x", "weight", "bias", "residual"}, {"y"}, {}, &CreateNothing, &ComputeLinear,
            &DestroyNothing});
  Register({"JomedLinearInputGradient", {"dy", "weight"}, {"dx"}, {}, &CreateNothing, &ComputeInputGradient,
            &DestroyNothing});
  Register({"JomedLinearWeightGradient", {"dy", "x"}, {"dw"}, {}, &CreateNothing, &ComputeWeightGradient,
            &DestroyNothing});
}

}  // namespace jomed
