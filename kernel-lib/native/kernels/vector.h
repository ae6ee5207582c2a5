// Eight floats at a time, in the compiler's own vector types: any processor, no intrinsics.
#pragma once

#include <cstdint>
#include <cstring>

namespace jomed {

typedef float Vec __attribute__((vector_size(32)));
typedef int32_t VecInt __attribute__((vector_size(32)));
constexpr int64_t kLanes = 8;

inline Vec Load(const float* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void Store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }

inline Vec Fill(float x) { return Vec{x, x, x, x, x, x, x, x}; }

// As many floats as the processor takes at a time.
#if defined(__AVX512F__)
constexpr int64_t kWideLanes = 16;
#else
constexpr int64_t kWideLanes = 8;
#endif
typedef float Wide __attribute__((vector_size(4 * kWideLanes)));

inline Wide LoadWide(const float* from) {
  Wide v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void StoreWide(float* to, Wide v) { std::memcpy(to, &v, sizeof v); }

inline float SumLanes(Vec v) { return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])); }

// exp(x) within 2 ulp for -87 <= x <= 88; smaller x give 0. Cody-Waite reduction and a polynomial of degree 6.
inline Vec Exp(Vec x) {
  const Vec low = Fill(-87.0f);
  const Vec high = Fill(88.0f);
  const VecInt tiny = x < low;
  x = tiny ? low : x;
  x = x > high ? high : x;
  const Vec shift = Fill(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
  const Vec whole = (x * 1.44269504088896341f + shift) - shift;
  const Vec rest = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
  Vec p = Fill(1.9875691500e-4f);
  p = p * rest + 1.3981999507e-3f;
  p = p * rest + 8.3334519073e-3f;
  p = p * rest + 4.1665795894e-2f;
  p = p * rest + 1.6666665459e-1f;
  p = p * rest + 5.0000001201e-1f;
  p = p * rest * rest + rest + 1.0f;
  const VecInt exponent = (__builtin_convertvector(whole, VecInt) + 127) << 23;
  Vec power;
  std::memcpy(&power, &exponent, sizeof power);
  return tiny ? Fill(0.0f) : p * power;
}

// Calls f(x) on vectors of a row and on its padded rest: to[i] = f(from[i]).
template <typename F>
inline void MapRow(const float* from, float* to, int64_t count, F f) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Store(to + i, f(Load(from + i)));
  if (i == count) return;
  float rest[kLanes] = {0};
  std::memcpy(rest, from + i, sizeof(float) * (count - i));
  Store(rest, f(Load(rest)));
  std::memcpy(to + i, rest, sizeof(float) * (count - i));
}

}  // namespace jomed
