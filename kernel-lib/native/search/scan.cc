#include "scan.h"

#include <algorithm>
#include <vector>

namespace jomed {
namespace {

// Eight rows side by side, so that each sum keeps its order; four queries at a time, so that a row is read for all four.
constexpr size_t kLanes = 8;
constexpr size_t kQueries = 4;
typedef double Lanes __attribute__((vector_size(8 * kLanes)));

// Bytes of rows that all queries visit before the next block: half of a small second-level cache.
constexpr size_t kBlockBytes = size_t{1} << 17;

// A query's best so far.
struct Best {
  int32_t* positions;
  double* scores;
  size_t k, count;

  bool Wants(double score) const { return count < k || score > scores[k - 1]; }

  void Push(int32_t position, double score) {
    size_t place = count < k ? count++ : k - 1;
    for (; place > 0 && score > scores[place - 1]; place--) {
      scores[place] = scores[place - 1];
      positions[place] = positions[place - 1];
    }
    scores[place] = score;
    positions[place] = position;
  }
};

// Rows `first` to `first + count`, as panels of eight: [panel][value][lane], zeros behind the last row.
void Pack(const Scan& scan, size_t first, size_t count, Lanes* panels) {
  for (size_t panel = 0; panel * kLanes < count; panel++) {
    for (size_t lane = 0; lane < kLanes; lane++) {
      const size_t row = panel * kLanes + lane;
      const float* values = scan.rows + (first + row) * scan.dimension;
      for (size_t i = 0; i < scan.dimension; i++)
        panels[panel * scan.dimension + i][lane] = row < count ? static_cast<double>(values[i]) : 0.0;
    }
  }
}

// Inner products of four queries, [value][query], with the eight rows of a panel.
void Multiply(const Lanes* panel, const double* queries, size_t dimension, Lanes* sums) {
  Lanes a{}, b{}, c{}, d{};
  for (size_t i = 0; i < dimension; i++) {
    const Lanes row = panel[i];
    const double* query = queries + i * kQueries;
    a += row * query[0];
    b += row * query[1];
    c += row * query[2];
    d += row * query[3];
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

// The queries in groups of four, [group][value][query], zeros behind the last.
std::vector<double> GroupQueries(const Scan& scan) {
  const size_t groups = (scan.query_count + kQueries - 1) / kQueries;
  std::vector<double> grouped(groups * scan.dimension * kQueries, 0.0);
  for (size_t q = 0; q < scan.query_count; q++)
    for (size_t i = 0; i < scan.dimension; i++)
      grouped[((q / kQueries) * scan.dimension + i) * kQueries + q % kQueries] = scan.queries[q * scan.dimension + i];
  return grouped;
}

// Offers the rows of one panel, from `position` on, to the queries of a group.
void Offer(const Scan& scan, const Lanes* sums, size_t position, Best* best, size_t queries) {
  const size_t rows = std::min(kLanes, scan.row_count - position);
  for (size_t q = 0; q < queries; q++) {
    for (size_t lane = 0; lane < rows; lane++) {
      const double score = sums[q][lane];
      if (!best[q].Wants(score)) continue;
      if (scan.allowed != nullptr && scan.allowed[position + lane] == 0) continue;
      best[q].Push(static_cast<int32_t>(position + lane), score);
    }
  }
}

}  // namespace

void Scan::Run() const {
  std::fill(positions, positions + query_count * k, -1);
  std::vector<Best> best(query_count);
  for (size_t q = 0; q < query_count; q++) best[q] = {positions + q * k, scores + q * k, k, 0};
  const std::vector<double> grouped = GroupQueries(*this);
  const size_t block = std::max(kLanes, kBlockBytes / sizeof(double) / dimension / kLanes * kLanes);
  std::vector<Lanes> panels(block / kLanes * dimension);
  Lanes sums[kQueries];
  for (size_t first = 0; first < row_count; first += block) {
    const size_t last = std::min(row_count, first + block);
    Pack(*this, first, last - first, panels.data());
    for (size_t q = 0; q < query_count; q += kQueries) {
      for (size_t row = first; row < last; row += kLanes) {
        Multiply(&panels[(row - first) / kLanes * dimension], &grouped[q * dimension], dimension, sums);
        Offer(*this, sums, row, &best[q], std::min(kQueries, query_count - q));
      }
    }
  }
}

}  // namespace jomed
