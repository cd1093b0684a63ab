#include "core/simulator.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <numbers>

#include "core/system_errors.hpp"

namespace regtap {
namespace {

using namespace simulated;

class Page {
 public:
  explicit Page(int fd) {
    struct stat status = {};
    if (fstat(fd, &status) != 0) throw_errno("fstat", errno);
    if (status.st_size < static_cast<off_t>(kPageBytes)) throw_errno("file shorter than a page", EINVAL);
    void* base = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) throw_errno("mmap", errno);
    base_ = static_cast<std::byte*>(base);
  }
  ~Page() { munmap(base_, kPageBytes); }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  template <class T>
  void store(std::size_t where, T value) {
    at<T>(where).store(value, std::memory_order_release);
  }
  template <class T>
  T load(std::size_t where) {
    return at<T>(where).load(std::memory_order_relaxed);
  }

 private:
  template <class T>
  std::atomic_ref<T> at(std::size_t where) {
    static_assert(std::atomic_ref<T>::is_always_lock_free, "a register changes in one store");
    return std::atomic_ref<T>(*reinterpret_cast<T*>(base_ + where));
  }

  std::byte* base_;
};

// xorshift32 (Marsaglia 2003): the same sequence in every run.
class Noise {
 public:
  std::uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }

 private:
  std::uint32_t state_ = 2463534242;  // his seed; the first ERROR comes at tick 1270
};

// 12 bits: a sine of one second around mid-scale, and triangular noise of +-15.
class Adc {
 public:
  Adc() {
    for (std::size_t i = 0; i < sine_.size(); ++i) {
      const double phase = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(sine_.size());
      sine_[i] = static_cast<std::int16_t>(std::lround(1500 * std::sin(phase)));
    }
  }

  std::uint16_t sample(std::uint32_t tick, std::uint32_t noise) const {
    const int jitter = static_cast<int>(noise & 15) - static_cast<int>((noise >> 4) & 15);
    return static_cast<std::uint16_t>(2048 + sine_[tick % sine_.size()] + jitter);
  }

 private:
  std::array<std::int16_t, 1000> sine_;
};

// One job after another: idle, BUSY while a FIFO fills, then DONE while it drains. One job in 16 stops half
// way, with ERROR in place of DONE.
class Engine {
 public:
  std::uint32_t status() const { return flags_ | level_ << kStatusLevelLsb; }

  void step(std::uint32_t noise) {
    if (elapsed_ == length_) begin_next_phase(noise);
    ++elapsed_;
    level_ =
        flags_ == kStatusBusy ? kFullLevel * elapsed_ / fill_ticks_ : level_ - std::min(level_, kDrainStep);
  }

 private:
  void begin_next_phase(std::uint32_t noise) {
    elapsed_ = 0;
    if (flags_ == 0) {
      fill_ticks_ = 96 + (noise & 63);
      fails_ = (noise >> 8) % 16 == 0;
      length_ = fails_ ? fill_ticks_ / 2 : fill_ticks_;
      flags_ = kStatusBusy;
    } else if (flags_ == kStatusBusy) {
      length_ = kFullLevel / kDrainStep;
      flags_ = fails_ ? kStatusError : kStatusDone;
    } else {
      length_ = kIdleTicks;
      flags_ = 0;
    }
  }

  static constexpr std::uint32_t kFullLevel = 255;
  static constexpr std::uint32_t kDrainStep = 5;
  static constexpr std::uint32_t kIdleTicks = 20;

  std::uint32_t flags_ = 0;
  std::uint32_t level_ = 0;
  std::uint32_t elapsed_ = 0;
  std::uint32_t length_ = kIdleTicks;  // of this phase
  std::uint32_t fill_ticks_ = 1;       // until the FIFO of this job would be full
  bool fails_ = false;
};

class Device {
 public:
  explicit Device(int fd) : page_(fd) {
    while (count_ < kFirstCount) advance();
    publish();
    page_.store(offset::kId, kIdValue);
  }

  void tick() {
    advance();
    publish();
  }

  bool stop_written() { return page_.load<std::uint32_t>(offset::kControl) == kControlStop; }

 private:
  void advance() {
    ++count_;
    adc_value_ = adc_.sample(count_, noise_.next());
    engine_.step(noise_.next());
  }

  void publish() {
    const std::uint64_t checked = count_ | static_cast<std::uint64_t>(hash(count_)) << 32;
    // COUNT32 and CHECK change on the same clock edge, as in a real device: a reader that takes CHECK after
    // COUNT32 never sees the hash of an older count.
    page_.store(offset::kCount32, checked);
    page_.store(offset::kCount64, kCount64Ahead + count_);
    page_.store(offset::kChecked, checked);
    page_.store(offset::kStatus, engine_.status());
    page_.store(offset::kAdc, adc_value_);
    page_.store(offset::kGpio, static_cast<std::uint8_t>(1u << (count_ / 50 % 8)));  // a walking one
  }

  static_assert(offset::kCheck == offset::kCount32 + 4 && offset::kCount32 % 8 == 0, "one store sets both");

  Page page_;
  Noise noise_;
  Adc adc_;
  Engine engine_;
  std::uint32_t count_ = 0;
  std::uint16_t adc_value_ = 0;
};

volatile std::sig_atomic_t stop_signalled = 0;

// Turns the signals that end a program into a flag, for as long as it lives. An ignored one stays ignored
// (nohup, background jobs); a blocked one is let through, so that a caller can hold it back until it is
// heard.
class StopSignals {
 public:
  StopSignals() {
    stop_signalled = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { stop_signalled = 1; };  // and no SA_RESTART: it shall end the sleep
    sigset_t heard;
    sigemptyset(&heard);
    for (std::size_t i = 0; i < kNumbers.size(); ++i) {
      sigaddset(&heard, kNumbers[i]);
      sigaction(kNumbers[i], nullptr, &actions_before_[i]);
      if (actions_before_[i].sa_handler != SIG_IGN) sigaction(kNumbers[i], &action, nullptr);
    }
    pthread_sigmask(SIG_UNBLOCK, &heard, &mask_before_);
  }
  ~StopSignals() {
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    for (std::size_t i = 0; i < kNumbers.size(); ++i) sigaction(kNumbers[i], &actions_before_[i], nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  static constexpr std::array kNumbers = {SIGTERM, SIGINT, SIGHUP};
  std::array<struct sigaction, kNumbers.size()> actions_before_;
  sigset_t mask_before_;
};

// A timer on an absolute schedule: a slot that has passed costs no sleep, so that after a pause the device
// catches up tick by tick.
class TickTimer {
 public:
  TickTimer() {
    if (clock_gettime(CLOCK_MONOTONIC, &due_) != 0) throw_errno("clock_gettime", errno);
  }

  void wait_for_next() {
    due_.tv_nsec += kTickNs;
    if (due_.tv_nsec >= kSecondNs) {
      due_.tv_nsec -= kSecondNs;
      ++due_.tv_sec;
    }
    int error = 0;
    do error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due_, nullptr);
    while (error == EINTR && stop_signalled == 0);
    if (error != 0 && error != EINTR) throw_errno("clock_nanosleep", error);
  }

 private:
  static constexpr long kSecondNs = 1'000'000'000;
  timespec due_;
};

// Polled, since PR_SET_PDEATHSIG follows the thread that started the process, and has a race at the start.
bool has_lost_parent(int parent_pid) { return parent_pid > 0 && getppid() != parent_pid; }

}  // namespace

void run_simulator(int fd, int parent_pid) {
  StopSignals signals;
  Device device(fd);
  TickTimer timer;
  while (true) {
    timer.wait_for_next();
    if (stop_signalled != 0 || has_lost_parent(parent_pid) || device.stop_written()) return;
    device.tick();
  }
}

}  // namespace regtap
