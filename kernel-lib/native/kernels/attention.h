// What both ways of attention share: its sizes, and heads moved to and from a thread's cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "op.h"
#include "rotary.h"
#include "vector.h"

namespace jomed {

constexpr int64_t kBlock = 4;  // query rows taken together

struct Attention {
  int64_t heads;
  int64_t groups;
  float scale;
  int64_t blocks;  // of keys, one after the other
};

inline int64_t Padded(int64_t length) { return (length + kLanes - 1) / kLanes * kLanes; }

struct Sizes {
  int64_t batch, length, keys, heads, groups, width;
  int64_t width8, keys8;  // padded to whole vectors
  int64_t query_step, key_step;  // from one token to the next

  Sizes(const Attention& attention, const Input& q, const Input& k, int64_t allKeys)
      : batch(q.dim(0)), length(q.dim(1)), keys(allKeys), heads(attention.heads), groups(attention.groups),
        width(q.dim(2) / attention.heads), width8(Padded(width)), keys8(Padded(keys)), query_step(q.dim(2)),
        key_step(k.dim(2)) {}
};

// Rotary angles of queries [B * L, width] and keys [B * S, width], or of rows that repeat in them; empty: not turned.
struct Turning {
  const Angles queries, keys;

  // From inputs cos and sin of queries, cos and sin of keys.
  Turning(const Input& q_cos, const Input& q_sin, const Input& k_cos, const Input& k_sin)
      : queries(q_cos, q_sin), keys(k_cos, k_sin) {}
  bool Fit(const Sizes& s) const {
    return queries.Fit(s.batch * s.length, s.width) && keys.Fit(s.batch * s.keys, s.width);
  }
};

constexpr const char* kUnfit = "attention: rotary tables must have the width of a head and divide the rows";

const Angles kStill;  // of what is not turned

// Rows of one head, turned and padded with zeros: to [rows, width8] = turned from * factor.
inline void CopyHead(const float* from, int64_t step, int64_t rows, const Sizes& s, float factor, HeadTurn& turn,
                     float* to) {
  for (int64_t row = 0; row < rows; row++, from += step, to += s.width8) {
    const float* turned = turn.Forward(from, row);
    for (int64_t c = 0; c < s.width; c++) to[c] = turned[c] * factor;
    std::fill(to + s.width, to + s.width8, 0.0f);
  }
}

// The same on its side: to columns of [width, keys8].
inline void TransposeHead(const float* from, int64_t rows, const Sizes& s, HeadTurn& turn, float* to) {
  for (int64_t row = 0; row < rows; row++, from += s.key_step) {  // reading whole rows, writing columns
    const float* turned = turn.Forward(from, row);
    for (int64_t c = 0; c < s.width; c++) to[c * s.keys8 + row] = turned[c];
  }
}

// Zeros where a key on its side [width, keys8] is padded.
inline void PadColumns(const Sizes& s, float* to) {
  for (int64_t c = 0; c < s.width; c++) std::fill(to + c * s.keys8 + s.keys, to + (c + 1) * s.keys8, 0.0f);
}

// Rows of one head, turned back, to their place among the others.
inline void PlaceHead(const float* from, int64_t rows, const Sizes& s, HeadTurn& turn, float* to, int64_t step) {
  for (int64_t row = 0; row < rows; row++, from += s.width8, to += step) {
    const float* turned = turn.Back(from, row);
    std::copy(turned, turned + s.width, to);
  }
}

}  // namespace jomed
