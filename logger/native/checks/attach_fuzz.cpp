// Spool::attach on damaged memory, for a sanitizer to watch: it refuses, or what it accepts lies inside the
// memory.
//
// Usage: attach_fuzz [CASES]. Mutates formatted spools of several shapes, from a fixed seed. Prints how many
// were refused and accepted; an access outside the memory is the sanitizer's to report. With clang's
// libFuzzer, LLVMFuzzerTestOneInput is the entry: -fsanitize=fuzzer -DREGTAP_LIBFUZZER.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "core/spool.hpp"

namespace {

using namespace regtap;
using spool::Geometry;
using spool::Spool;

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};

// A copy that ends where the input ends, aligned as a mapping is.
std::unique_ptr<std::byte, Free> copy_of(const std::uint8_t* data, std::size_t size) {
  void* memory = nullptr;
  if (posix_memalign(&memory, spool::kPage, std::max<std::size_t>(size, 1)) != 0) std::abort();
  if (size > 0) std::memcpy(memory, data, size);
  return std::unique_ptr<std::byte, Free>(static_cast<std::byte*>(memory));
}

// Reads the first and last byte of everything that the accepted geometry promises.
unsigned touch(const Spool& spool) {
  const Geometry& geometry = spool.geometry();
  const auto offsets = geometry.column_offsets();
  unsigned sum = 0;
  const auto read = [&sum](const volatile std::byte* at) { sum += static_cast<unsigned>(*at); };
  const std::byte* base = reinterpret_cast<const std::byte*>(&spool.header());
  if (geometry.document_bytes > 0) {
    read(base + geometry.document_offset());
    read(base + geometry.document_offset() + geometry.document_bytes - 1);
  }
  for (std::uint64_t block : {std::uint64_t{0}, std::uint64_t{geometry.block_count} - 1, Spool::kOverflow}) {
    read(spool.block(block));
    read(reinterpret_cast<const std::byte*>(spool.gaps(block) + geometry.gap_capacity) - 1);
    for (std::size_t k = 0; k + 1 < offsets.size(); ++k) read(spool.block(block) + offsets[k + 1] - 1);
  }
  return sum;
}

bool accepts(const std::uint8_t* data, std::size_t size) {
  const auto memory = copy_of(data, size);
  try {
    touch(Spool::attach({memory.get(), size}));
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

std::vector<std::uint8_t> formatted(std::minstd_rand& draw) {
  std::vector<Kind> kinds(draw() % 5);
  for (Kind& kind : kinds) kind = static_cast<Kind>(draw() % 7);
  const std::vector<char> document(draw() % 200, '{');
  Geometry geometry{kinds,
                    draw() % 2 != 0,
                    2 + static_cast<std::uint32_t>(draw() % 4),
                    1 + static_cast<std::uint32_t>(draw() % 300),
                    static_cast<std::uint32_t>(draw() % 20),
                    document.size()};
  std::vector<std::uint8_t> bytes(geometry.total_bytes());
  const auto memory = copy_of(bytes.data(), bytes.size());
  Spool::format({memory.get(), bytes.size()}, geometry, {document.data(), document.size()}, 1);
  std::memcpy(bytes.data(), memory.get(), bytes.size());
  return bytes;
}

// Most bytes of a header are small counts; what breaks checks of them are the ends of their ranges.
void mutate(std::vector<std::uint8_t>& bytes, std::minstd_rand& draw) {
  constexpr std::uint64_t kEnds[] = {
      0, 1, 0x7fffffff, 0x80000000, 0xffffffff, ~std::uint64_t{0}, ~std::uint64_t{0} / 64};
  const std::size_t header = std::min<std::size_t>(bytes.size(), 320);
  for (unsigned times = 1 + draw() % 3; times > 0; --times) {
    const std::size_t at = draw() % header / 4 * 4;
    const std::uint64_t value = draw() % 2 != 0 ? kEnds[draw() % std::size(kEnds)] : draw() % 5000;
    std::memcpy(bytes.data() + at, &value, std::min<std::size_t>(draw() % 2 != 0 ? 4 : 8, bytes.size() - at));
  }
  if (draw() % 4 == 0) bytes.resize(draw() % (bytes.size() + 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  accepts(data, size);
  return 0;
}

#ifndef REGTAP_LIBFUZZER
int main(int argc, char** argv) {
  const long cases = argc > 1 ? std::atol(argv[1]) : 20'000;
  std::minstd_rand draw{20261};
  long accepted = 0;
  for (long tried = 0; tried < cases; ++tried) {
    std::vector<std::uint8_t> bytes = formatted(draw);
    if (!accepts(bytes.data(), bytes.size())) {
      std::fprintf(stderr, "attach_fuzz: a whole spool was refused\n");
      return 1;
    }
    mutate(bytes, draw);
    accepted += accepts(bytes.data(), bytes.size());
  }
  std::printf("%ld mutated spools, %ld accepted\n", cases, accepted);
  return 0;
}
#endif
