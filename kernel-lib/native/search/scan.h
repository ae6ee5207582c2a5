// Exact search: every query with every row.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jomed {

// The `k` rows of largest inner product of every query, best first and of equal ones the lower position; position -1
// behind the last. Sums run over the values in order, in double precision. `allowed`: 1 or 0 a row, or null for all.
struct Scan {
  const float* rows;
  const float* queries;
  const uint8_t* allowed;
  size_t row_count, query_count, dimension, k;
  int32_t* positions;
  double* scores;

  void Run() const;
};

}  // namespace jomed
