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

// kRows x (8 * kVecs) values of a product, held in registers.
template <int kRows, int kVecs, bool kAdd>
inline void MultiplyTile(Operand a, const float* b, int64_t b_step, float* c, int64_t c_step, int64_t depth) {
  Vec sum[kRows][kVecs];
  for (int row = 0; row < kRows; row++)
    for (int v = 0; v < kVecs; v++) sum[row][v] = kAdd ? Load(c + row * c_step + v * kLanes) : Fill(0);
  for (int64_t k = 0; k < depth; k++) {
    Vec right[kVecs];
    for (int v = 0; v < kVecs; v++) right[v] = Load(b + k * b_step + v * kLanes);
    for (int row = 0; row < kRows; row++) {
      const Vec left = Fill(a.data[row * a.row_step + k * a.column_step]);
      for (int v = 0; v < kVecs; v++) sum[row][v] += left * right[v];
    }
  }
  for (int row = 0; row < kRows; row++)
    for (int v = 0; v < kVecs; v++) Store(c + row * c_step + v * kLanes, sum[row][v]);
}

template <int kRows, bool kAdd>
inline void MultiplyRows(Operand a, const float* b, int64_t b_step, float* c, int64_t c_step, int64_t depth,
                         int64_t columns) {
  int64_t column = 0;
  for (; column + 2 * kLanes <= columns; column += 2 * kLanes)
    MultiplyTile<kRows, 2, kAdd>(a, b + column, b_step, c + column, c_step, depth);
  if (column < columns) MultiplyTile<kRows, 1, kAdd>(a, b + column, b_step, c + column, c_step, depth);
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
