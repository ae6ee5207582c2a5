#include "graph.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "arguments.h"
#include "hnswlib/hnswlib.h"
#include "task.h"

namespace jomed {
namespace {

using Index = hnswlib::HierarchicalNSW<float>;

// Asks for large pages where rows and links lie: they are read at random, and with small pages a part of the time goes to
// finding where they are. Only a wish: refused or unknown, everything works as before.
void WishLargePages(const Index& index) {
#ifdef MADV_HUGEPAGE
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t memory = reinterpret_cast<uintptr_t>(index.data_level0_memory_);
  const uintptr_t first = (memory + page - 1) / page * page;
  const uintptr_t last = (memory + index.max_elements_ * index.size_data_per_element_) / page * page;
  if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

class Graph : public Napi::ObjectWrap<Graph> {
 public:
  static void Define(Napi::Env env, Napi::Object exports) {
    exports.Set("Graph", DefineClass(env, "Graph",
                                     {InstanceMethod<&Graph::Create>("create"), InstanceMethod<&Graph::Load>("load"),
                                      InstanceMethod<&Graph::Save>("save"), InstanceMethod<&Graph::Count>("count"),
                                      InstanceMethod<&Graph::SetEf>("setEf"), InstanceMethod<&Graph::Add>("add"),
                                      InstanceMethod<&Graph::Search>("search"), InstanceMethod<&Graph::Row>("row")}));
  }

  // (dimension)
  explicit Graph(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Graph>(info) {
    Guard(info, [&] {
      dimension_ = Whole(info, 0);
      space_ = std::make_unique<hnswlib::InnerProductSpace>(dimension_);
    });
  }

 private:
  Index& Held() {
    if (index_ == nullptr) throw std::logic_error("the graph must be created or loaded first");
    return *index_;
  }

  // (capacity, m, efConstruction, seed)
  void Create(const Napi::CallbackInfo& info) {
    Guard(info, [&] {
      index_ = std::make_unique<Index>(space_.get(), Whole(info, 0), Whole(info, 1), Whole(info, 2), Whole(info, 3));
      WishLargePages(*index_);
    });
  }

  // (file)
  Napi::Value Load(const Napi::CallbackInfo& info) {
    return Task::Start(info, [this, file = info[0].ToString().Utf8Value()] {
      index_ = std::make_unique<Index>(space_.get(), file);
      WishLargePages(*index_);
    });
  }

  // (file)
  Napi::Value Save(const Napi::CallbackInfo& info) {
    return Task::Start(info, [this, file = info[0].ToString().Utf8Value()] { Held().saveIndex(file); });
  }

  Napi::Value Count(const Napi::CallbackInfo& info) {
    size_t count = 0;
    Guard(info, [&] { count = Held().getCurrentElementCount(); });
    return Napi::Number::New(info.Env(), static_cast<double>(count));
  }

  void SetEf(const Napi::CallbackInfo& info) {
    Guard(info, [&] { Held().setEf(Whole(info, 0)); });
  }

  // (rows, first): whole rows, labelled first, first + 1 ...
  Napi::Value Add(const Napi::CallbackInfo& info) {
    Napi::Value done;
    Guard(info, [&] {
      const Values<float> rows(info, 0, napi_float32_array);
      const size_t first = Whole(info, 1);
      done = Task::Start(info, [this, rows, first] {
        for (size_t row = 0; row < rows.size / dimension_; row++)
          Held().addPoint(rows.data + row * dimension_, first + row);
      });
    });
    return done;
  }

  // (queries, k, positions, distances): the k nearest of every query, nearest first and of equal ones the lower
  // position; -1 behind the last where there are fewer.
  Napi::Value Search(const Napi::CallbackInfo& info) {
    Napi::Value done;
    Guard(info, [&] {
      const Values<float> queries(info, 0, napi_float32_array), distances(info, 3, napi_float32_array);
      const Values<int32_t> positions(info, 2, napi_int32_array);
      const size_t k = Whole(info, 1), count = queries.size / dimension_;
      if (positions.size < count * k || distances.size < count * k)
        throw std::invalid_argument("positions and distances must hold k values for every query");
      done = Task::Start(info, [this, queries, positions, distances, k, count] {
        for (size_t query = 0; query < count; query++) {
          auto found = Held().searchKnnCloserFirst(queries.data + query * dimension_, k);
          std::sort(found.begin(), found.end());  // by distance, then by position
          for (size_t i = 0; i < k; i++) {
            const bool there = i < found.size();
            positions.data[query * k + i] = there ? static_cast<int32_t>(found[i].second) : -1;
            distances.data[query * k + i] = there ? found[i].first : 0.0f;
          }
        }
      });
    });
    return done;
  }

  // (position, row): copies one row out.
  void Row(const Napi::CallbackInfo& info) {
    Guard(info, [&] {
      const Values<float> row(info, 1, napi_float32_array);
      const auto values = Held().getDataByLabel<float>(Whole(info, 0));
      if (row.size != values.size()) throw std::invalid_argument("the row must hold one value a dimension");
      std::copy(values.begin(), values.end(), row.data);
    });
  }

  size_t dimension_ = 0;
  std::unique_ptr<hnswlib::InnerProductSpace> space_;
  std::unique_ptr<Index> index_;
};

}  // namespace

void DefineGraph(Napi::Env env, Napi::Object exports) { Graph::Define(env, exports); }

}  // namespace jomed
