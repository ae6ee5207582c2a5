// Small matrix products for one thread, on operands that fit its cache.
#pragma once

#include "vector.h"

namespace jomed {

// A matrix whose element (row, column) stands at data[row * row_step + column * column_step].
struct Operand {
  const float* data;
  int64_t row_step;
  int64_t column_step;
};

inline Vec LoadAs(const float* from, Vec) { return Load(from); }
inline void StoreAs(float* to, Vec v) { Store(to, v); }
#if defined(__AVX512F__)
inline Wide LoadAs(const float* from, Wide) { return LoadWide(from); }
inline void StoreAs(float* to, Wide v) { StoreWide(to, v); }
#endif

// kRows rows of kVecs vectors of a product, held in registers; each value is summed over `depth` in order.
template <typename V, int kRows, int kVecs, bool kAdd>
inline void MultiplyTile(Operand a, const float* b, int64_t b_step, float* c, int64_t c_step, int64_t depth) {
  constexpr int64_t lanes = sizeof(V) / sizeof(float);
  V sum[kRows][kVecs];
  for (int row = 0; row < kRows; row++)
    for (int v = 0; v < kVecs; v++) sum[row][v] = kAdd ? LoadAs(c + row * c_step + v * lanes, V{}) : V{};
  for (int64_t k = 0; k < depth; k++) {
    V right[kVecs];
    for (int v = 0; v < kVecs; v++) right[v] = LoadAs(b + k * b_step + v * lanes, V{});
    for (int row = 0; row < kRows; row++) {
      const float left = a.data[row * a.row_step + k * a.column_step];
      for (int v = 0; v < kVecs; v++) sum[row][v] += left * right[v];
    }
  }
  for (int row = 0; row < kRows; row++)
    for (int v = 0; v < kVecs; v++) StoreAs(c + row * c_step + v * lanes, sum[row][v]);
}

template <int kRows, bool kAdd>
inline void MultiplyRows(Operand a, const float* b, int64_t b_step, float* c, int64_t c_step, int64_t depth,
                         int64_t columns) {
  int64_t column = 0;
  for (; column + 2 * kWideLanes <= columns; column += 2 * kWideLanes)
    MultiplyTile<Wide, kRows, 2, kAdd>(a, b + column, b_step, c + column, c_step, depth);
  for (; column + 2 * kLanes <= columns; column += 2 * kLanes)
    MultiplyTile<Vec, kRows, 2, kAdd>(a, b + column, b_step, c + column, c_step, depth);
  if (column < columns) MultiplyTile<Vec, kRows, 1, kAdd>(a, b + column, b_step, c + column, c_step, depth);
}

// c = a b, or c += a b, for at most 4 rows. `columns` is a multiple of 8.
template <bool kAdd>
inline void MultiplyFew(int64_t rows, Operand a, const float* b, int64_t b_step, float* c, int64_t c_step,
                        int64_t depth, int64_t columns) {
  switch (rows) {
    case 1:
      return MultiplyRows<1, kAdd>(a, b, b_step, c, c_step, depth, columns);
    case 2:
      return MultiplyRows<2, kAdd>(a, b, b_step, c, c_step, depth, columns);
    case 3:
      return MultiplyRows<3, kAdd>(a, b, b_step, c, c_step, depth, columns);
    default:
      return MultiplyRows<4, kAdd>(a, b, b_step, c, c_step, depth, columns);
  }
}

}  // namespace jomed
