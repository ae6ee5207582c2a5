// A linear map with its bias and what it is added to, in one pass: for weights that stay in a core's second cache.
#include <algorithm>

#include "kernels.h"
#include "op.h"
#include "parallel.h"
#include "vector.h"

namespace jomed {
namespace {

// A tile of outputs held in registers: as many rows and vectors as there are registers for.
#if defined(__AVX512F__)
constexpr int64_t kWideLanes = 16;
constexpr int kTileRows = 8;
#else
constexpr int64_t kWideLanes = 8;
constexpr int kTileRows = 4;
#endif
constexpr int kTileVecs = 3;
constexpr int64_t kPiece = 64;  // rows of one piece of work
constexpr int64_t kPanel = kTileVecs * kWideLanes;  // output columns taken together

typedef float Wide __attribute__((vector_size(4 * kWideLanes)));

inline Wide LoadWide(const float* from) {
  Wide v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

// The weight [out, in] as panels of kPanel output columns, each [in, kPanel]; the last one padded with zeros.
std::vector<float> PackPanels(const float* weight, int64_t out, int64_t in) {
  const int64_t panels = (out + kPanel - 1) / kPanel;
  std::vector<float> packed(panels * in * kPanel, 0.0f);
  for (int64_t o = 0; o < out; o++) {
    float* to = packed.data() + o / kPanel * in * kPanel + o % kPanel;
    for (int64_t i = 0; i < in; i++) to[i * kPanel] = weight[o * in + i];
  }
  return packed;
}

struct Map {
  int64_t in, out;
  const float* bias;      // padded to whole panels
  const float* residual;  // as y, or null
};

// Outputs of kRows rows and one panel.
template <int kRows>
void ComputeTile(const Map& map, const float* x, const float* panel, int64_t row, int64_t column, float* y) {
  Wide sum[kRows][kTileVecs] = {};
  const float* from = x + row * map.in;
  for (int64_t k = 0; k < map.in; k++) {
    Wide right[kTileVecs];
    for (int v = 0; v < kTileVecs; v++) right[v] = LoadWide(panel + k * kPanel + v * kWideLanes);
    for (int r = 0; r < kRows; r++)
      for (int v = 0; v < kTileVecs; v++) sum[r][v] += from[r * map.in + k] * right[v];
  }
  const int64_t count = std::min(kPanel, map.out - column);
  for (int r = 0; r < kRows; r++) {
    const int64_t at = (row + r) * map.out + column;
    float line[kPanel];
    for (int v = 0; v < kTileVecs; v++) {
      const Wide value = sum[r][v] + LoadWide(map.bias + column + v * kWideLanes);
      std::memcpy(line + v * kWideLanes, &value, sizeof value);
    }
    if (map.residual != nullptr)
      for (int64_t c = 0; c < count; c++) y[at + c] = line[c] + map.residual[at + c];
    else
      std::memcpy(y + at, line, sizeof(float) * count);
  }
}

typedef void (*Tile)(const Map&, const float*, const float*, int64_t, int64_t, float*);

Tile TileOf(int64_t rows) {
  static const Tile tiles[] = {&ComputeTile<1>, &ComputeTile<2>, &ComputeTile<3>, &ComputeTile<4>,
                               &ComputeTile<5>, &ComputeTile<6>, &ComputeTile<7>, &ComputeTile<8>};
  return tiles[rows - 1];
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
  const std::vector<float> packed = PackPanels(weight.data(), out, in);
  std::vector<float> shift((out + kPanel - 1) / kPanel * kPanel, 0.0f);
  if (bias.size() != 0) std::copy(bias.data(), bias.data() + out, shift.begin());
  const Map map = {in, out, shift.data(), residual.size() == 0 ? nullptr : residual.data()};
  ParallelRows(rows, kPiece, [&](int64_t first, int64_t last) {
    for (int64_t column = 0; column < out; column += kPanel) {
      const float* panel = packed.data() + column * in;
      for (int64_t row = first; row < last; row += kTileRows)
        TileOf(std::min<int64_t>(kTileRows, last - row))(map, x.data(), panel, row, column, y);
    }
  });
}

}  // namespace

void RegisterLinear() {
  Register({"JomedLinear", {"x", "weight", "bias", "residual"}, {"y"}, {}, &CreateNothing, &ComputeLinear,
            &DestroyNothing});
}

}  // namespace jomed
