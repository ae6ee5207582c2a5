// The graph of hnswlib, over inner products, for typed arrays: many rows a call, and no object per number or hit.
#include <napi.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "hnswlib/hnswlib.h"

namespace {

using Index = hnswlib::HierarchicalNSW<float>;

// The values of a Float32Array or Int32Array argument.
template <typename T>
struct Values {
  T* data;
  size_t size;

  Values(const Napi::CallbackInfo& info, size_t place, napi_typedarray_type type) {
    if (!info[place].IsTypedArray() || info[place].As<Napi::TypedArray>().TypedArrayType() != type)
      throw std::invalid_argument("argument " + std::to_string(place) + " must be a typed array of the right kind");
    auto array = info[place].As<Napi::TypedArrayOf<T>>();
    data = array.Data();
    size = array.ElementLength();
  }
};

size_t Whole(const Napi::CallbackInfo& info, size_t place) {
  if (!info[place].IsNumber() || info[place].As<Napi::Number>().Int64Value() < 0)
    throw std::invalid_argument("argument " + std::to_string(place) + " must be a number from 0");
  return static_cast<size_t>(info[place].As<Napi::Number>().Int64Value());
}

class Graph : public Napi::ObjectWrap<Graph> {
 public:
  static Napi::Object Define(Napi::Env env, Napi::Object exports) {
    exports.Set("Graph", DefineClass(env, "Graph",
                                     {InstanceMethod<&Graph::Create>("create"), InstanceMethod<&Graph::Load>("load"),
                                      InstanceMethod<&Graph::Save>("save"), InstanceMethod<&Graph::Count>("count"),
                                      InstanceMethod<&Graph::SetEf>("setEf"), InstanceMethod<&Graph::Add>("add"),
                                      InstanceMethod<&Graph::Search>("search"), InstanceMethod<&Graph::Row>("row")}));
    return exports;
  }

  // (dimension)
  explicit Graph(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Graph>(info) {
    Guard(info, [&] {
      dimension_ = Whole(info, 0);
      space_ = std::make_unique<hnswlib::InnerProductSpace>(dimension_);
    });
  }

 private:
  // What hnswlib throws, as an error of JavaScript.
  template <typename F>
  static void Guard(const Napi::CallbackInfo& info, F work) {
    try {
      work();
    } catch (const std::exception& error) {
      Napi::Error::New(info.Env(), std::string("hnswlib: ") + error.what()).ThrowAsJavaScriptException();
    }
  }

  Index& Held() {
    if (index_ == nullptr) throw std::logic_error("the graph must be created or loaded first");
    return *index_;
  }

  // (capacity, m, efConstruction, seed)
  void Create(const Napi::CallbackInfo& info) {
    Guard(info, [&] {
      index_ = std::make_unique<Index>(space_.get(), Whole(info, 0), Whole(info, 1), Whole(info, 2), Whole(info, 3));
    });
  }

  void Load(const Napi::CallbackInfo& info) {
    Guard(info, [&] { index_ = std::make_unique<Index>(space_.get(), info[0].ToString().Utf8Value()); });
  }

  void Save(const Napi::CallbackInfo& info) {
    Guard(info, [&] { Held().saveIndex(info[0].ToString().Utf8Value()); });
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
  void Add(const Napi::CallbackInfo& info) {
    Guard(info, [&] {
      const Values<float> rows(info, 0, napi_float32_array);
      const size_t first = Whole(info, 1);
      for (size_t row = 0; row < rows.size / dimension_; row++)
        Held().addPoint(rows.data + row * dimension_, first + row);
    });
  }

  // (queries, k, positions, distances): the k nearest of every query, nearest first and of equal ones the lower
  // position; -1 behind the last where there are fewer.
  void Search(const Napi::CallbackInfo& info) {
    Guard(info, [&] {
      const Values<float> queries(info, 0, napi_float32_array), distances(info, 3, napi_float32_array);
      const Values<int32_t> positions(info, 2, napi_int32_array);
      const size_t k = Whole(info, 1), count = queries.size / dimension_;
      if (positions.size < count * k || distances.size < count * k)
        throw std::invalid_argument("positions and distances must hold k values for every query");
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

Napi::Object Init(Napi::Env env, Napi::Object exports) { return Graph::Define(env, exports); }

}  // namespace

NODE_API_MODULE(jomed_graph, Init)
