// The way back of attention: queries first, row by row, then keys and values.
#include "attention.h"
#include "kernels.h"
#include "multiply.h"
#include "parallel.h"

namespace jomed {
namespace {

void* CreateGradient(TF_OpKernelConstruction* construction) {
  return new Attention{IntAttribute(construction, "heads"), IntAttribute(construction, "groups"),
                       FloatAttribute(construction, "scale"), 1};
}

void DestroyGradient(void* attention) { delete static_cast<Attention*>(attention); }

// How many keys have a weight that is not 0.
int64_t WeightedKeys(const float* weights, int64_t keys) {
  while (keys > 0 && weights[keys - 1] == 0.0f) keys--;
  return keys;
}

// What one thread works with: all of one head.
struct Scratch {
  std::vector<float> values, keys, queries, up, slopes, dq, dk, dv;
  std::vector<int64_t> seen;

  explicit Scratch(const Sizes& s)
      : values(s.width * s.keys8), keys(s.keys * s.width8), queries(s.length * s.width8), up(s.length * s.width8),
        slopes(s.length * s.keys8), dq(s.length * s.width8), dk(s.keys * s.width8), dv(s.keys * s.width8),
        seen(s.length) {}
};

// Gradient of the scores of one head into scratch.slopes, and of its queries [L, width8] into scratch.dq.
void QueryGradient(const Sizes& s, const float* weights, float scale, Scratch& t) {
  for (int64_t row = 0; row < s.length; row += kBlock) {
    const int64_t rows = std::min(kBlock, s.length - row);
    int64_t seen = 0;
    for (int64_t i = row; i < row + rows; i++) {
      t.seen[i] = WeightedKeys(weights + i * s.keys8, s.keys);
      seen = std::max(seen, t.seen[i]);
    }
    const int64_t seen8 = Padded(seen);
    float* slopes = &t.slopes[row * s.keys8];
    MultiplyFew<false>(rows, {&t.up[row * s.width8], s.width8, 1}, t.values.data(), s.keys8, slopes, s.keys8, s.width,
                       seen8);
    for (int64_t i = 0; i < rows; i++) {
      const float* weight = weights + (row + i) * s.keys8;
      float* slope = slopes + i * s.keys8;
      Vec sum = Fill(0);
      for (int64_t j = 0; j < seen8; j += kLanes) sum += Load(weight + j) * Load(slope + j);
      const Vec level = Fill(SumLanes(sum));
      for (int64_t j = 0; j < seen8; j += kLanes) Store(slope + j, Load(weight + j) * (Load(slope + j) - level));
      std::fill(slope + seen8, slope + s.keys8, 0.0f);
    }
    float* dq = &t.dq[row * s.width8];
    MultiplyFew<false>(rows, {slopes, s.keys8, 1}, t.keys.data(), s.width8, dq, s.width8, seen, s.width8);
    for (int64_t i = 0; i < rows * s.width8; i++) dq[i] *= scale;
  }
}

// Adds one head's share to the gradients of keys and values: only queries that see a key count.
void KeyGradient(const Sizes& s, const float* weights, Scratch& t) {
  for (int64_t key = 0; key < s.keys; key += kBlock) {
    const int64_t rows = std::min(kBlock, s.keys - key);
    int64_t first = 0;
    while (first < s.length && t.seen[first] <= key) first++;
    const int64_t depth = s.length - first, at = first * s.keys8 + key;
    MultiplyFew<true>(rows, {&t.slopes[at], 1, s.keys8}, &t.queries[first * s.width8], s.width8,
                      &t.dk[key * s.width8], s.width8, depth, s.width8);
    MultiplyFew<true>(rows, {weights + at, 1, s.keys8}, &t.up[first * s.width8], s.width8, &t.dv[key * s.width8],
                      s.width8, depth, s.width8);
  }
}

// (dy, q, k, v, weights, tables of Turning) -> (dq, dk, dv)
void ComputeAttentionGradient(void* kernel, TF_OpKernelContext* context) {
  const Input dy(context, 0), q(context, 1), k(context, 2), v(context, 3), weights(context, 4), q_cos(context, 5),
      q_sin(context, 6), k_cos(context, 7), k_sin(context, 8);
  const Sizes s(*static_cast<Attention*>(kernel), q, k, k.dim(1));
  const Turning turning(q_cos, q_sin, k_cos, k_sin);
  if (!turning.Fit(s)) return Refuse(context, kUnfit);
  const float scale = static_cast<Attention*>(kernel)->scale;
  float* dq = Output(context, 0, q.shape());
  float* dk = Output(context, 1, k.shape());
  float* dv = Output(context, 2, v.shape());
  ParallelFor(s.batch * s.groups, [&](int64_t item) {
    const int64_t batch = item / s.groups, group = item % s.groups, shared = s.heads / s.groups;
    Scratch t(s);
    const int64_t from = batch * s.keys * s.key_step + group * s.width;
    HeadTurn query_turn(turning.queries, batch * s.length, s.width), key_turn(turning.keys, batch * s.keys, s.width),
        still(kStill, 0, s.width);
    TransposeHead(v.data() + from, s.keys, s, still, t.values.data());
    PadColumns(s, t.values.data());
    CopyHead(k.data() + from, s.key_step, s.keys, s, 1.0f, key_turn, t.keys.data());
    for (int64_t head = group * shared; head < (group + 1) * shared; head++) {
      const int64_t place = batch * s.length * s.query_step + head * s.width;
      const float* own = weights.data() + (batch * s.heads + head) * s.length * s.keys8;
      CopyHead(q.data() + place, s.query_step, s.length, s, scale, query_turn, t.queries.data());
      CopyHead(dy.data() + place, s.query_step, s.length, s, 1.0f, still, t.up.data());
      QueryGradient(s, own, scale, t);
      PlaceHead(t.dq.data(), s.length, s, query_turn, dq + place, s.query_step);
      KeyGradient(s, own, t);
    }
    PlaceHead(t.dk.data(), s.keys, s, key_turn, dk + from, s.key_step);
    PlaceHead(t.dv.data(), s.keys, s, still, dv + from, s.key_step);
  });
}

}  // namespace

void RegisterAttentionGradient() {
  Register({"JomedAttentionGradient", {"dy", "q", "k", "v", "weights", "q_cos", "q_sin", "k_cos", "k_sin"},
            {"dq", "dk", "dv"}, {"heads: int", "groups: int", "scale: float"}, &CreateGradient,
            &ComputeAttentionGradient, &DestroyGradient});
}

}  // namespace jomed
