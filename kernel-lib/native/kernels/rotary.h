// Rotary positions: heads of rows turned by the angles of their positions.
#pragma once

#include <vector>

#include "op.h"

namespace jomed {

// cos and sin [positions, width], or both of size 0 where nothing is turned. Both halves of a head hold the same angles; the
// positions repeat where there are more rows than positions.
class Angles {
 public:
  Angles() = default;  // nothing is turned
  Angles(const Input& cos, const Input& sin)
      : cos_(cos.data()), sin_(sin.data()), positions_(cos.size() == 0 ? 0 : cos.rows()),
        width_(positions_ == 0 ? 0 : cos.dim(-1)) {}

  bool empty() const { return positions_ == 0; }
  // Whether they fit rows of heads of this width.
  bool Fit(int64_t rows, int64_t width) const { return empty() || (width_ == width && rows % positions_ == 0); }

  // (a, b) -> (a cos - b sin, b cos + a sin), the halves of one head of a row; direction 1 turns forward, -1 back.
  void Turn(const float* from, int64_t row, float direction, float* to) const {
    const float* cos = cos_ + (row % positions_) * width_;
    const float* sin = sin_ + (row % positions_) * width_;
    const int64_t half = width_ / 2;
    for (int64_t j = 0; j < half; j++) {
      const float turned = direction * sin[j];
      to[j] = from[j] * cos[j] - from[j + half] * turned;
      to[j + half] = from[j + half] * cos[j] + from[j] * turned;
    }
  }

 private:
  const float* cos_ = nullptr;
  const float* sin_ = nullptr;
  int64_t positions_ = 0, width_ = 0;
};

// The rows of one head, the first of them at position `first`.
class HeadTurn {
 public:
  HeadTurn(const Angles& angles, int64_t first, int64_t width)
      : angles_(angles), first_(first), room_(angles.empty() ? 0 : width) {}

  // Row i turned: in this object's room, or where it is when nothing is turned. Good until the next call.
  const float* Forward(const float* from, int64_t i) { return To(from, i, 1.0f); }
  const float* Back(const float* from, int64_t i) { return To(from, i, -1.0f); }

 private:
  const float* To(const float* from, int64_t i, float direction) {
    if (angles_.empty()) return from;
    angles_.Turn(from, first_ + i, direction, room_.data());
    return room_.data();
  }

  const Angles& angles_;
  const int64_t first_;
  std::vector<float> room_;
};

}  // namespace jomed
