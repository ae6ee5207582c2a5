// What calls from JavaScript bring along: typed arrays and whole numbers.
#pragma once

#include <napi.h>

#include <stdexcept>
#include <string>

namespace jomed {

// The values of a typed array argument.
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

inline size_t Whole(const Napi::CallbackInfo& info, size_t place) {
  if (!info[place].IsNumber() || info[place].As<Napi::Number>().Int64Value() < 0)
    throw std::invalid_argument("argument " + std::to_string(place) + " must be a number from 0");
  return static_cast<size_t>(info[place].As<Napi::Number>().Int64Value());
}

// Runs `work`; what it throws becomes an error of JavaScript.
template <typename F>
void Guard(const Napi::CallbackInfo& info, F work) {
  try {
    work();
  } catch (const std::exception& error) {
    Napi::Error::New(info.Env(), std::string("search add-on: ") + error.what()).ThrowAsJavaScriptException();
  }
}

}  // namespace jomed
