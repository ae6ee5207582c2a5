// Scaled dot-product attention with grouped heads and an added mask, head by head in a thread's cache.
#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels.h"
#include "multiply.h"
#include "op.h"
#include "parallel.h"

namespace jomed {
namespace {

constexpr int64_t kBlock = 4;          // query rows taken together
constexpr float kHidden = -1e8f;       // a mask value below it hides a key

struct Attention {
  int64_t heads;
  int64_t groups;
  float scale;
  int64_t blocks;  // of keys, one after the other
};

void* CreateGradient(TF_OpKernelConstruction* construction) {
  return new Attention{IntAttribute(construction, "heads"), IntAttribute(construction, "groups"),
                       FloatAttribute(construction, "scale"), 1};
}

void* CreateAttention(TF_OpKernelConstruction* construction) {
  Attention* attention = static_cast<Attention*>(CreateGradient(construction));
  attention->blocks = IntAttribute(construction, "N");
  return attention;
}

void DestroyAttention(void* attention) { delete static_cast<Attention*>(attention); }

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

// Rows of one head, padded with zeros: to [rows, width8] = from * factor.
void CopyHead(const float* from, int64_t step, int64_t rows, const Sizes& s, float factor, float* to) {
  for (int64_t row = 0; row < rows; row++, from += step, to += s.width8) {
    for (int64_t c = 0; c < s.width; c++) to[c] = from[c] * factor;
    std::fill(to + s.width, to + s.width8, 0.0f);
  }
}

// The same on its side: to columns of [width, keys8].
void TransposeHead(const float* from, int64_t rows, const Sizes& s, float* to) {
  for (int64_t row = 0; row < rows; row++, from += s.key_step)  // reading whole rows, writing columns
    for (int64_t c = 0; c < s.width; c++) to[c * s.keys8 + row] = from[c];
}

// Zeros where a key on its side [width, keys8] is padded.
void PadColumns(const Sizes& s, float* to) {
  for (int64_t c = 0; c < s.width; c++) std::fill(to + c * s.keys8 + s.keys, to + (c + 1) * s.keys8, 0.0f);
}

// Rows of one head back to their place among the others.
void PlaceHead(const float* from, int64_t rows, const Sizes& s, float factor, float* to, int64_t step) {
  for (int64_t row = 0; row < rows; row++)
    for (int64_t c = 0; c < s.width; c++) to[row * step + c] = from[row * s.width8 + c] * factor;
}

// Adds the mask, makes the row's weights of its scores, and returns the number of keys that may count.
void SoftmaxRow(float* row, const float* mask, int64_t keys, int64_t keys8) {
  if (mask != nullptr)
    for (int64_t j = 0; j < keys; j++) row[j] += mask[j];
  for (int64_t j = keys; j < keys8; j++) row[j] = -1e30f;
  Vec highs = Load(row);
  for (int64_t j = kLanes; j < keys8; j += kLanes) {
    const Vec next = Load(row + j);
    highs = next > highs ? next : highs;
  }
  float high = highs[0];
  for (int lane = 1; lane < kLanes; lane++) high = std::max(high, highs[lane]);
  Vec sum = Fill(0);
  for (int64_t j = 0; j < keys8; j += kLanes) {
    const Vec power = Exp(Load(row + j) - high);
    Store(row + j, power);
    sum += power;
  }
  const Vec factor = Fill(1.0f / SumLanes(sum));
  for (int64_t j = 0; j < keys8; j += kLanes) Store(row + j, Load(row + j) * factor);
}

// How many keys a query can see: one more than the last; all when it sees none, since its weights are then equal.
int64_t SeenKeys(const float* mask, int64_t keys) {
  if (mask == nullptr) return keys;
  for (int64_t j = keys; j > 0; j--)
    if (mask[j - 1] > kHidden) return j;
  return keys;
}

// The added mask [B or 1, 1, L or 1, S], or of size 0 for none.
struct Mask {
  const float* data;
  int64_t batch_step, row_step;

  Mask(const Input& mask, const Sizes& s)
      : data(mask.size() == 0 ? nullptr : mask.data()),
        batch_step(mask.size() == 0 || mask.dim(0) == 1 ? 0 : mask.dim(2) * s.keys),
        row_step(mask.size() == 0 || mask.dim(2) == 1 ? 0 : s.keys) {}
  const float* Row(int64_t batch, int64_t row) const {
    return data == nullptr ? nullptr : data + batch * batch_step + row * row_step;
  }
};

typedef std::vector<std::unique_ptr<Input>> Blocks;

Blocks TakeBlocks(TF_OpKernelContext* context, int64_t first, int64_t count) {
  Blocks blocks;
  for (int64_t i = 0; i < count; i++) blocks.push_back(std::make_unique<Input>(context, static_cast<int>(first + i)));
  return blocks;
}

// All keys of one head on their side [width, keys8], and all values [keys, width8].
void GatherHead(const Blocks& k, const Blocks& v, int64_t batch, int64_t group, const Sizes& s, float* keys,
                float* values) {
  for (size_t i = 0; i < k.size(); i++) {
    const int64_t rows = k[i]->dim(1), from = batch * rows * s.key_step + group * s.width;
    TransposeHead(k[i]->data() + from, rows, s, keys);
    CopyHead(v[i]->data() + from, s.key_step, rows, s, 1.0f, values);
    keys += rows;
    values += rows * s.width8;
  }
}

// (q [B, L, heads * width], k N * and v N * [B, S of the block, groups * width], mask)
//   -> (y as q, weights [B, heads, L, S padded])
void ComputeAttention(void* kernel, TF_OpKernelContext* context) {
  const Attention& attention = *static_cast<Attention*>(kernel);
  const Input q(context, 0), added(context, static_cast<int>(1 + 2 * attention.blocks));
  const Blocks k = TakeBlocks(context, 1, attention.blocks), v = TakeBlocks(context, 1 + attention.blocks, attention.blocks);
  int64_t allKeys = 0;
  for (size_t i = 0; i < k.size(); i++) {
    if (k[i]->shape() != v[i]->shape()) return Refuse(context, "attention: values must have the shape of the keys");
    allKeys += k[i]->dim(1);
  }
  const Sizes s(attention, q, *k[0], allKeys);
  const float scale = attention.scale;
  const Mask mask(added, s);
  float* y = Output(context, 0, q.shape());
  float* weights = Output(context, 1, {s.batch, s.heads, s.length, s.keys8});
  ParallelFor(s.batch * s.groups, [&](int64_t item) {
    const int64_t batch = item / s.groups, group = item % s.groups, shared = s.heads / s.groups;
    // kept from item to item: every value is written before it is read
    thread_local std::vector<float> keys, values, queries, out;
    keys.resize(s.width * s.keys8);
    values.resize(s.keys * s.width8);
    queries.resize(s.length * s.width8);
    out.resize(kBlock * s.width8);
    GatherHead(k, v, batch, group, s, keys.data(), values.data());
    PadColumns(s, keys.data());
    for (int64_t head = group * shared; head < (group + 1) * shared; head++) {
      const int64_t place = batch * s.length * s.query_step + head * s.width;
      CopyHead(q.data() + place, s.query_step, s.length, s, scale, queries.data());
      for (int64_t row = 0; row < s.length; row += kBlock) {
        const int64_t rows = std::min(kBlock, s.length - row);
        float* block = weights + ((batch * s.heads + head) * s.length + row) * s.keys8;
        int64_t seen = 0;
        for (int64_t i = 0; i < rows; i++) seen = std::max(seen, SeenKeys(mask.Row(batch, row + i), s.keys));
        const int64_t seen8 = Padded(seen);
        MultiplyFew<false>(rows, {&queries[row * s.width8], s.width8, 1}, keys.data(), s.keys8, block, s.keys8,
                           s.width, seen8);
        for (int64_t i = 0; i < rows; i++) {
          SoftmaxRow(block + i * s.keys8, mask.Row(batch, row + i), seen, seen8);
          std::fill(block + i * s.keys8 + seen8, block + (i + 1) * s.keys8, 0.0f);
        }
        MultiplyFew<false>(rows, {block, s.keys8, 1}, values.data(), s.width8, out.data(), s.width8, seen, s.width8);
        PlaceHead(out.data(), rows, s, 1.0f, y + place + row * s.query_step, s.query_step);
      }
    }
  });
}

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
        slopes(s.length * s.keys8), dq(kBlock * s.width8), dk(s.keys * s.width8), dv(s.keys * s.width8),
        seen(s.length) {}
};

// Gradient of the scores of one head into scratch.slopes, and of its queries into dq.
void QueryGradient(const Sizes& s, const float* weights, float scale, Scratch& t, float* dq) {
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
    MultiplyFew<false>(rows, {slopes, s.keys8, 1}, t.keys.data(), s.width8, t.dq.data(), s.width8, seen, s.width8);
    PlaceHead(t.dq.data(), rows, s, scale, dq + row * s.query_step, s.query_step);
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

// (dy, q, k, v, weights) -> (dq, dk, dv)
void ComputeAttentionGradient(void* kernel, TF_OpKernelContext* context) {
  const Input dy(context, 0), q(context, 1), k(context, 2), v(context, 3), weights(context, 4);
  const Sizes s(*static_cast<Attention*>(kernel), q, k, k.dim(1));
  const float scale = static_cast<Attention*>(kernel)->scale;
  float* dq = Output(context, 0, q.shape());
  float* dk = Output(context, 1, k.shape());
  float* dv = Output(context, 2, v.shape());
  ParallelFor(s.batch * s.groups, [&](int64_t item) {
    const int64_t batch = item / s.groups, group = item % s.groups, shared = s.heads / s.groups;
    Scratch t(s);
    const int64_t from = batch * s.keys * s.key_step + group * s.width;
    TransposeHead(v.data() + from, s.keys, s, t.values.data());
    PadColumns(s, t.values.data());
    CopyHead(k.data() + from, s.key_step, s.keys, s, 1.0f, t.keys.data());
    for (int64_t head = group * shared; head < (group + 1) * shared; head++) {
      const int64_t place = batch * s.length * s.query_step + head * s.width;
      const float* own = weights.data() + (batch * s.heads + head) * s.length * s.keys8;
      CopyHead(q.data() + place, s.query_step, s.length, s, scale, t.queries.data());
      CopyHead(dy.data() + place, s.query_step, s.length, s, 1.0f, t.up.data());
      QueryGradient(s, own, scale, t, dq + place);
      KeyGradient(s, own, t);
    }
    PlaceHead(t.dk.data(), s.keys, s, 1.0f, dk + from, s.key_step);
    PlaceHead(t.dv.data(), s.keys, s, 1.0f, dv + from, s.key_step);
  });
}

}  // namespace

void RegisterAttention() {
  const std::vector<const char*> attributes = {"heads: int", "groups: int", "scale: float"};
  Register({"JomedAttention", {"q", "N * k", "N * v", "mask"}, {"y", "weights"},
            {"N: int", "heads: int", "groups: int", "scale: float"}, &CreateAttention, &ComputeAttention,
            &DestroyAttention});
  Register({"JomedAttentionGradient", {"dy", "q", "k", "v", "weights"}, {"dq", "dk", "dv"}, attributes,
            &CreateGradient, &ComputeAttentionGradient, &DestroyAttention});
}

}  // namespace jomed
