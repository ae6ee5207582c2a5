// A linear map with its bias and what it is added to, in one pass: for weights that stay in a core's second cache.
#include <algorithm>

#include "kernels.h"
#include "op.h"
#include "parallel.h"
#include "vector.h"

namespace jomed {
namespace {

struct Map {
  int64_t in, out;
  const float* bias;      // padded to whole panels
  const float* residual;  // as y, or null
};

// Outputs of kRows rows and one panel of kVecs vectors, held in registers; each is summed over `in` in order.
template <int kRows, int kVecs>
void ComputeTile(const Map& map, const float* x, const float* panel, int64_t row, int64_t column, float* y) {
  constexpr int64_t width = kVecs * kWideLanes;
  Wide sum[kRows][kVecs];
  for (int r = 0; r < kRows; r++)
    for (int v = 0; v < kVecs; v++) sum[r][v] = Wide{};
  const float* from = x + row * map.in;
  for (int64_t k = 0; k < map.in; k++) {
    Wide right[kVecs];
    for (int v = 0; v < kVecs; v++) right[v] = LoadWide(panel + k * width + v * kWideLanes);
    for (int r = 0; r < kRows; r++)
      for (int v = 0; v < kVecs; v++) sum[r][v] += from[r * map.in + k] * right[v];
  }
  for (int r = 0; r < kRows; r++)
    for (int v = 0; v < kVecs; v++) sum[r][v] += LoadWide(map.bias + column + v * kWideLanes);
  const int64_t count = std::min(width, map.out - column);
  for (int r = 0; r < kRows; r++) {
    const int64_t at = (row + r) * map.out + column;
    const float* add = map.residual == nullptr ? nullptr : map.residual + at;
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

typedef void (*Tile)(const Map&, const float*, const float*, int64_t, int64_t, float*);

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
  const float* panels = reinterpret_cast<const float*>(packed.data());
  std::vector<float> shift(RoundUp(out, tiling.panel), 0.0f);
  if (bias.size() != 0) std::copy(bias.data(), bias.data() + out, shift.begin());
  const Map map = {in, out, shift.data(), residual.size() == 0 ? nullptr : residual.data()};
  ParallelRows(rows, 8 * tiling.rows, [&](int64_t first, int64_t last) {
    for (int64_t column = 0; column < out; column += tiling.panel)
      for (int64_t row = first; row < last; row += tiling.rows)
        tiling.tiles[std::min(tiling.rows, last - row) - 1](map, x.data(), panels + column * in, row, column, y);
  });
}

}  // namespace

void RegisterLinear() {
  Register({"JomedLinear", {"x", "weight", "bias", "residual"}, {"y"}, {}, &CreateNothing, &ComputeLinear,
            &DestroyNothing});
}

}  // namespace jomed
