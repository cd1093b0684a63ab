#include "bench/arms.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "bench/meter.hpp"
#include "core/access.hpp"

namespace regtap::bench {
namespace {

std::atomic<std::uint64_t> delay_ticks{0};

// Each earlier load, and with it each earlier system call, is complete before the next access begins.
inline void fence() {
#if defined(__x86_64__)
  _mm_lfence();
#elif defined(__aarch64__)
  asm volatile("dsb ld\n\tisb" ::: "memory");
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

template <bool fenced, class Access, std::size_t... copies>
inline std::uint64_t unrolled(const Access& access, std::index_sequence<copies...>) {
  const auto once = [&](std::size_t) {
    const std::uint64_t refused = access();
    if constexpr (fenced) fence();
    return refused;
  };
  return (once(copies) + ...);
}

template <bool fenced, class Access>
inline std::uint64_t repeat(std::uint64_t count, const Access& access) {
  std::uint64_t refused = 0;
  for (std::uint64_t turn = 0; turn < count / kUnroll; ++turn)
    refused += unrolled<fenced>(access, std::make_index_sequence<kUnroll>());
  for (std::uint64_t rest = count % kUnroll; rest > 0; --rest)
    refused += unrolled<fenced>(access, std::make_index_sequence<1>());
  return refused;
}

template <class T>
bool incomplete(ssize_t moved) {
  return moved != static_cast<ssize_t>(sizeof(T));
}

template <class T, bool fenced>
struct Empty {
  static std::uint64_t run(const Site&, std::uint64_t count) {
    return repeat<fenced>(count, [] {
      asm volatile("" ::: "memory");
      return 0;
    });
  }
};

template <class T, bool fenced>
struct Timer {
  static std::uint64_t run(const Site&, std::uint64_t count) {
    return repeat<fenced>(count, [] {
      stamp();
      return 0;
    });
  }
};

template <class T, bool fenced>
struct Delay {
  static std::uint64_t run(const Site&, std::uint64_t count) {
    const std::uint64_t length = delay_ticks.load(std::memory_order_relaxed);
    return repeat<fenced>(count, [length] {
      for (const std::uint64_t begin = stamp(); stamp() - begin < length;) continue;
      return 0;
    });
  }
};

template <class T, bool fenced>
struct MappedLoad {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const volatile void* const address = site.address();
    return repeat<fenced>(count, [address] {
      const std::uint64_t value = load<T>(address);  // widened: a partial register would chain the loads
      asm volatile("" : : "r"(value));
      return 0;
    });
  }
};

template <class T, bool fenced>
struct MappedStore {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    volatile void* const address = const_cast<volatile void*>(site.address());
    const T value = static_cast<T>(site.value);
    return repeat<fenced>(count, [address, value] {
      store<T>(address, value);
      return 0;
    });
  }
};

template <class T, bool fenced>
struct Pread {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const int fd = site.request().fd;
    const auto offset = static_cast<off_t>(site.request().offset);
    return repeat<fenced>(count, [fd, offset] {
      T value;
      return incomplete<T>(pread(fd, &value, sizeof value, offset));
    });
  }
};

template <class T, bool fenced>
struct Pwrite {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const int fd = site.request().fd;
    const auto offset = static_cast<off_t>(site.request().offset);
    const T value = static_cast<T>(site.value);
    return repeat<fenced>(count, [&] { return incomplete<T>(pwrite(fd, &value, sizeof value, offset)); });
  }
};

template <class T, bool fenced>
struct SeekAndRead {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const int fd = site.request().fd;
    const auto offset = static_cast<off_t>(site.request().offset);
    return repeat<fenced>(count, [fd, offset] {
      T value;
      return lseek(fd, offset, SEEK_SET) != offset || incomplete<T>(read(fd, &value, sizeof value));
    });
  }
};

template <class T, bool fenced>
struct Preadv2 {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const int fd = site.request().fd;
    const auto offset = static_cast<off_t>(site.request().offset);
    return repeat<fenced>(count, [fd, offset] {
      T value;
      const iovec part = {&value, sizeof value};
      return incomplete<T>(preadv2(fd, &part, 1, offset, 0));
    });
  }
};

// What each call of a devmem-like tool does, apart from starting a process.
template <class T, bool fenced>
struct MapEachTime {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const SiteRequest& request = site.request();
    return repeat<fenced>(count, [&request] {
      const int fd = open(request.path.c_str(), O_RDONLY | O_CLOEXEC | request.open_flags);
      if (fd < 0) return 1;
      void* const base =
          mmap(nullptr, request.map_bytes, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(request.map_offset));
      if (base != MAP_FAILED) {
        load<T>(static_cast<const std::byte*>(base) + (request.offset - request.map_offset));
        munmap(base, request.map_bytes);
      }
      close(fd);
      return base == MAP_FAILED ? 1 : 0;
    });
  }
};

template <class T, bool fenced>
struct UringBatch {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const SiteRequest& request = site.request();
    Uring& ring = site.uring();
    std::uint64_t refused = 0;
    for (std::uint64_t left = count; left > 0;) {
      const auto batch = static_cast<unsigned>(std::min<std::uint64_t>(left, Uring::kBatch));
      refused += ring.read(request.fd, request.offset, sizeof(T), batch);
      left -= batch;
    }
    return refused;
  }
};

// Not unrolled: an access is a loop of its own, or a call.
template <class Access>
inline std::uint64_t repeat_bulk(std::uint64_t count, const Access& access) {
  std::uint64_t refused = 0;
  for (std::uint64_t turn = 0; turn < count; ++turn) {
    refused += access();
    asm volatile("" ::: "memory");  // somebody could look at the buffer now
  }
  return refused;
}

template <class T, bool fenced>
struct BulkLoads {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const auto* const from = static_cast<const volatile T*>(site.address());
    T* const into = reinterpret_cast<T*>(site.buffer());
    const std::size_t words = site.request().bulk_bytes / sizeof(T);
    return repeat_bulk(count, [=] {
      for (std::size_t k = 0; k < words; ++k) into[k] = load<T>(from + k);
      return 0;
    });
  }
};

template <class T, bool fenced>
struct BulkCopy {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const void* const from = const_cast<const void*>(site.address());
    std::byte* const into = site.buffer();
    const std::size_t size_bytes = site.request().bulk_bytes;
    return repeat_bulk(count, [=] {
      std::memcpy(into, from, size_bytes);
      return 0;
    });
  }
};

template <class T, bool fenced>
struct BulkPread {
  static std::uint64_t run(const Site& site, std::uint64_t count) {
    const SiteRequest& request = site.request();
    std::byte* const into = site.buffer();
    return repeat_bulk(count, [&request, into] {
      const ssize_t moved = pread(request.fd, into, request.bulk_bytes, static_cast<off_t>(request.offset));
      return moved != static_cast<ssize_t>(request.bulk_bytes);
    });
  }
};

template <template <class, bool> class Loop, bool fenced>
constexpr void fill(Body (&bodies)[4]) {
  bodies[0] = &Loop<std::uint8_t, fenced>::run;
  bodies[1] = &Loop<std::uint16_t, fenced>::run;
  bodies[2] = &Loop<std::uint32_t, fenced>::run;
  bodies[3] = &Loop<std::uint64_t, fenced>::run;
}

enum class Columns { throughput, both };

template <template <class, bool> class Loop>
constexpr Arm arm(const char* name, const char* description, Needs needs, Columns columns,
                  bool writes = false) {
  Arm made = {name, description, needs, writes, {}, {}};
  fill<Loop, false>(made.throughput);
  if (columns == Columns::both) fill<Loop, true>(made.latency);
  return made;
}

constexpr Arm kArms[] = {
    arm<Empty>("empty loop", "the loop around every arm, with nothing in it", Needs::nothing, Columns::both),
    arm<Timer>("timer", "the clock that times the blocks", Needs::nothing, Columns::throughput),
    arm<Delay>("known delay", "spins for 2 us", Needs::nothing, Columns::throughput),
    arm<MappedLoad>("mmap load", "one load from a mapping", Needs::mapping, Columns::both),
    arm<MappedStore>("mmap store", "one store to a mapping (posted: nobody waits for it)", Needs::mapping,
                     Columns::throughput, true),
    arm<Pread>("pread", "one pread", Needs::calls, Columns::both),
    arm<Pwrite>("pwrite", "one pwrite", Needs::calls, Columns::both, true),
    arm<SeekAndRead>("lseek+read", "lseek, then read", Needs::calls, Columns::both),
    arm<Preadv2>("preadv2", "one preadv2 of one part", Needs::calls, Columns::both),
    arm<MapEachTime>("open+mmap+load", "open, mmap, load, munmap, close: what each call of devmem does",
                     Needs::opening, Columns::both),
    arm<UringBatch>("io_uring", "reads by io_uring, 16 in one io_uring_enter", Needs::calls,
                    Columns::throughput),
    arm<BulkLoads>("bulk loads", "many bytes by single loads into a buffer", Needs::mapping,
                   Columns::throughput),
    arm<BulkCopy>("bulk memcpy", "many bytes by one memcpy", Needs::mapping, Columns::throughput),
    arm<BulkPread>("bulk pread", "many bytes by one pread", Needs::calls, Columns::throughput),
};

}  // namespace

Body Arm::body(unsigned width_bytes, bool fenced) const {
  if (!std::has_single_bit(width_bytes) || width_bytes > 8)
    throw std::invalid_argument("the width of an access must be 1, 2, 4 or 8 bytes");
  const Body found = (fenced ? latency : throughput)[std::countr_zero(width_bytes)];
  if (found == nullptr) throw std::invalid_argument("this arm has no latency");
  return found;
}

std::span<const Arm> arms() { return kArms; }

void set_delay_ticks(std::uint64_t ticks) { delay_ticks = ticks; }

}  // namespace regtap::bench
