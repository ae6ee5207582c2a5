#include "parallel.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

namespace jomed {
namespace {

// Threads beside the caller: one per core, or what TF_NUM_INTRAOP_THREADS allows, as TensorFlow itself does.
int HelperCount() {
  const char* allowed = std::getenv("TF_NUM_INTRAOP_THREADS");
  const int wanted = allowed != nullptr ? std::atoi(allowed) : 0;
  const int threads = wanted > 0 ? wanted : static_cast<int>(std::thread::hardware_concurrency());
  return threads > 1 ? threads - 1 : 0;
}

// One call of ParallelFor. Kept alive by every thread that still looks at it.
struct Job {
  int64_t count;
  const std::function<void(int64_t)>* task;
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> done{0};

  // Takes pieces until none is left.
  void Work() {
    for (int64_t i = next++; i < count; i = next++) {
      (*task)(i);
      done++;
    }
  }
};

class Pool {
 public:
  Pool() {
    for (int i = 0; i < HelperCount(); i++) std::thread([this] { Help(); }).detach();
  }

  void Run(int64_t count, const std::function<void(int64_t)>& task) {
    const auto job = std::make_shared<Job>();
    job->count = count;
    job->task = &task;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job_ = job;
      generation_++;
    }
    wake_.notify_all();
    job->Work();
    while (job->done < count) std::this_thread::yield();
  }

 private:
  void Help() {
    int64_t seen = 0;
    for (;;) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return generation_ != seen; });
        seen = generation_;
        job = job_;
      }
      job->Work();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<Job> job_;
  int64_t generation_ = 0;
};

}  // namespace

void ParallelFor(int64_t count, const std::function<void(int64_t)>& task) {
  if (count <= 1) {
    if (count == 1) task(0);
    return;
  }
  static Pool* pool = new Pool;  // never destroyed: its threads wait until the process ends
  pool->Run(count, task);
}

}  // namespace jomed
