// Work shared among threads in pieces that do not depend on how many threads there are: results are the same bits on any machine.
#pragma once

#include <cstdint>
#include <functional>

namespace jomed {

// Calls task(i) for i = 0 ... count - 1, each once, on any thread; returns when all are done.
void ParallelFor(int64_t count, const std::function<void(int64_t)>& task);

// Cuts 0 ... rows - 1 into pieces of at most `piece` rows and calls task(first, last) for each, last exclusive.
inline void ParallelRows(int64_t rows, int64_t piece, const std::function<void(int64_t, int64_t)>& task) {
  const int64_t count = (rows + piece - 1) / piece;
  ParallelFor(count, [&](int64_t i) {
    const int64_t first = i * piece;
    task(first, first + piece < rows ? first + piece : rows);
  });
}

}  // namespace jomed
