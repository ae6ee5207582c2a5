// Search over inner products for typed arrays: hnswlib's graph and the exact scan. Many rows a call, no object per number
// or hit, and whatever takes long runs on a thread of Node's pool.
#include <napi.h>

#include <stdexcept>

#include "arguments.h"
#include "graph.h"
#include "scan.h"
#include "task.h"

namespace jomed {
namespace {

// (rows, dimension, queries, k, allowed or null, positions, scores): the exact scan; see scan.h.
Napi::Value ScanRows(const Napi::CallbackInfo& info) {
  Napi::Value done;
  Guard(info, [&] {
    const Values<float> rows(info, 0, napi_float32_array), queries(info, 2, napi_float32_array);
    const Values<int32_t> positions(info, 5, napi_int32_array);
    const Values<double> scores(info, 6, napi_float64_array);
    const size_t dimension = Whole(info, 1), k = Whole(info, 3);
    if (dimension == 0 || k == 0) throw std::invalid_argument("the dimension and k must be at least 1");
    const size_t row_count = rows.size / dimension, query_count = queries.size / dimension;
    const uint8_t* allowed = nullptr;
    if (!info[4].IsNull()) {
      const Values<uint8_t> mask(info, 4, napi_uint8_array);
      if (mask.size != row_count) throw std::invalid_argument("allowed must hold one value for every row");
      allowed = mask.data;
    }
    if (positions.size < query_count * k || scores.size < query_count * k)
      throw std::invalid_argument("positions and scores must hold k values for every query");
    const Scan scan{rows.data,   queries.data, allowed, row_count,      query_count,
                    dimension, k,            positions.data, scores.data};
    done = Task::Start(info, [scan] { scan.Run(); });
  });
  return done;
}

}  // namespace

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("scanRows", Napi::Function::New(env, ScanRows));
  DefineGraph(env, exports);
  return exports;
}

}  // namespace jomed

using jomed::Init;
NODE_API_MODULE(jomed_search, Init)
