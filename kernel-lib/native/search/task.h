// Work on a thread of Node's pool: JavaScript goes on meanwhile and gets a promise.
#pragma once

#include <napi.h>

#include <exception>
#include <functional>
#include <string>
#include <utility>

namespace jomed {

class Task : public Napi::AsyncWorker {
 public:
  // Starts `work`, which must not touch JavaScript; the call's object and arguments live until it ends.
  static Napi::Value Start(const Napi::CallbackInfo& info, std::function<void()> work) {
    auto* task = new Task(info, std::move(work));  // deletes itself when done
    task->Queue();
    return task->result_.Promise();
  }

 protected:
  void Execute() override {
    try {
      work_();
    } catch (const std::exception& error) {
      SetError(std::string("search add-on: ") + error.what());
    }
  }

  void OnOK() override { result_.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { result_.Reject(error.Value()); }

 private:
  Task(const Napi::CallbackInfo& info, std::function<void()> work)
      : Napi::AsyncWorker(info.Env()), result_(Napi::Promise::Deferred::New(info.Env())), work_(std::move(work)) {
    auto kept = Napi::Array::New(info.Env());
    kept.Set(0u, info.This());
    for (uint32_t i = 0; i < info.Length(); i++) kept.Set(i + 1, info[i]);
    kept_ = Napi::Persistent(kept.As<Napi::Object>());
  }

  Napi::Promise::Deferred result_;
  std::function<void()> work_;
  Napi::ObjectReference kept_;
};

}  // namespace jomed
