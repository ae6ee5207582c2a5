// Scaled dot-product attention with grouped heads, rotary positions and an added mask, head by head in a thread's cache.
#include "attention.h"

#include <memory>

#include "kernels.h"
#include "multiply.h"
#include "parallel.h"

namespace jomed {
namespace {

constexpr float kHidden = -1e8f;  // a mask value below it hides a key

void* CreateAttention(TF_OpKernelConstruction* construction) {
  return new Attention{IntAttribute(construction, "heads"), IntAttribute(construction, "groups"),
                       FloatAttribute(construction, "scale"), IntAttribute(construction, "N")};
}

void DestroyAttention(void* attention) { delete static_cast<Attention*>(attention); }

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

// All keys of one head, turned, on their side [width, keys8], and all values [keys, width8].
void GatherHead(const Blocks& k, const Blocks& v, const Angles& angles, int64_t batch, int64_t group, const Sizes& s,
                float* keys, float* values) {
  int64_t first = batch * s.keys;
  HeadTurn still(kStill, 0, s.width);
  for (size_t i = 0; i < k.size(); i++) {
    const int64_t rows = k[i]->dim(1), from = batch * rows * s.key_step + group * s.width;
    HeadTurn turn(angles, first, s.width);
    TransposeHead(k[i]->data() + from, rows, s, turn, keys);
    CopyHead(v[i]->data() + from, s.key_step, rows, s, 1.0f, still, values);
    first += rows;
    keys += rows;
    values += rows * s.width8;
  }
}

// (q [B, L, heads * width], k N * and v N * [B, S of the block, groups * width], mask, tables of Turning)
//   -> (y as q, weights [B, heads, L, S padded])
void ComputeAttention(void* kernel, TF_OpKernelContext* context) {
  const Attention& attention = *static_cast<Attention*>(kernel);
  const int after = static_cast<int>(1 + 2 * attention.blocks);
  const Input q(context, 0), added(context, after), q_cos(context, after + 1), q_sin(context, after + 2),
      k_cos(context, after + 3), k_sin(context, after + 4);
  const Blocks k = TakeBlocks(context, 1, attention.blocks), v = TakeBlocks(context, 1 + attention.blocks, attention.blocks);
  int64_t allKeys = 0;
  for (size_t i = 0; i < k.size(); i++) {
    if (k[i]->shape() != v[i]->shape()) return Refuse(context, "attention: values must have the shape of the keys");
    allKeys += k[i]->dim(1);
  }
  const Sizes s(attention, q, *k[0], allKeys);
  const Turning turning(q_cos, q_sin, k_cos, k_sin);
  if (!turning.Fit(s)) return Refuse(context, kUnfit);
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
    HeadTurn turn(turning.queries, batch * s.length, s.width), still(kStill, 0, s.width);
    GatherHead(k, v, turning.keys, batch, group, s, keys.data(), values.data());
    PadColumns(s, keys.data());
    for (int64_t head = group * shared; head < (group + 1) * shared; head++) {
      const int64_t place = batch * s.length * s.query_step + head * s.width;
      CopyHead(q.data() + place, s.query_step, s.length, s, scale, turn, queries.data());
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
        PlaceHead(out.data(), rows, s, still, y + place + row * s.query_step, s.query_step);
      }
    }
  });
}

}  // namespace

void RegisterAttention() {
  Register({"JomedAttention", {"q", "N * k", "N * v", "mask", "q_cos", "q_sin", "k_cos", "k_sin"}, {"y", "weights"},
            {"N: int", "heads: int", "groups: int", "scale: float"}, &CreateAttention, &ComputeAttention,
            &DestroyAttention});
}

}  // namespace jomed
