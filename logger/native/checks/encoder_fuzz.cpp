// The part encoder under a coverage-guided fuzzer, with a sanitizer watching: what is encoded must decode to
// the same rows.
//
// Usage: encoder_fuzz [INPUTS]. An input is a recipe for columns: runs of rows by pattern, cut into blocks.
// Those that reach code in a new way are kept and changed further, as libFuzzer does it; the encoder is
// compiled with -fsanitize-coverage=trace-pc for that. Prints inputs, rows, and ways through the code. Ends
// with 1 at the first input whose rows come back wrong. With clang's libFuzzer, LLVMFuzzerTestOneInput is the
// entry: -fsanitize=fuzzer -DREGTAP_LIBFUZZER.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <type_traits>
#include <vector>

#include "parquet/crc32.hpp"
#include "parquet/delta.hpp"
#include "parquet/part_encoder.hpp"

namespace {

using namespace regtap::parquet;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "encoder_fuzz: %s\n", what);
  std::abort();
}

void require(bool holds, const char* what) {
  if (!holds) fail(what);
}

// Reads an input; at its end there are zeros.
class Recipe {
 public:
  Recipe(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  bool is_empty() const { return at_ == end_; }
  std::uint64_t number(unsigned bytes) {
    std::uint64_t value = 0;
    for (unsigned k = 0; k < bytes && at_ != end_; ++k) value |= std::uint64_t{*at_++} << (8 * k);
    return value;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

// Values as a recipe wants them: constant, counting, random of some width, alternating, or as they stand
// there.
std::vector<std::uint64_t> values_of(Recipe& recipe, std::size_t most) {
  std::vector<std::uint64_t> values;
  std::uint64_t last = 0;
  while (!recipe.is_empty() && values.size() < most) {
    const std::uint64_t pattern = recipe.number(1);
    const std::size_t count = std::min<std::size_t>(most - values.size(), 1 + recipe.number(2) % 1500);
    const std::uint64_t by = recipe.number(pattern / 8 % 9);
    std::minstd_rand draw(static_cast<unsigned>(by) + 1);
    const std::uint64_t mask = by % 64 == 63 ? ~std::uint64_t{0} : (std::uint64_t{1} << (by % 64 + 1)) - 1;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t random = (std::uint64_t{draw()} << 40) ^ (std::uint64_t{draw()} << 20) ^ draw();
      const std::uint64_t next[] = {by, last + by, random & mask, i % 2 != 0 ? by : ~by,
                                    last + (random & mask)};
      last = next[pattern % 5];
      values.push_back(last);
    }
  }
  return values;
}

// A decoder as plain as can be, of exactly the bytes that it is given.
class Decoder {
 public:
  Decoder(const std::byte* at, const std::byte* end) : at_(at), end_(end) {}

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint64_t byte = next();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::uint64_t zigzag() {
    const std::uint64_t value = varint();
    return (value >> 1) ^ (~(value & 1) + 1);
  }
  std::uint8_t next() {
    require(at_ != end_, "the encoded bytes end too early");
    return static_cast<std::uint8_t>(*at_++);
  }
  const std::byte* at() const { return at_; }

  // All values of a page, each cut to `bits`.
  std::vector<std::uint64_t> delta(unsigned bits) {
    const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    require(varint() == kBlockValues && varint() == kMiniblocks, "another geometry");
    const std::uint64_t count = varint();
    std::vector<std::uint64_t> values = {zigzag() & mask};
    while (values.size() < count) {
      const std::uint64_t least = zigzag();
      std::uint8_t widths[kMiniblocks];
      for (std::uint8_t& width : widths) width = next();
      for (const unsigned width : widths) {
        require(width <= bits && (values.size() < count || width == 0), "a width that cannot be");
        if (values.size() < count) miniblock(width, least, mask, count, values);
      }
    }
    values.resize(count);
    require(at_ == end_, "the encoded bytes go on after the last value");
    return values;
  }

 private:
  void miniblock(unsigned width, std::uint64_t least, std::uint64_t mask, std::uint64_t count,
                 std::vector<std::uint64_t>& values) {
    const std::byte* const bytes = at_;
    for (unsigned i = 0; i < 4 * width; ++i) next();
    for (unsigned i = 0; i < 32; ++i) {
      std::uint64_t rest = 0;
      for (unsigned bit = 0; bit < width; ++bit) {
        const unsigned place = i * width + bit;
        const auto byte = static_cast<std::uint64_t>(bytes[place / 8]);
        rest |= (byte >> (place % 8) & 1) << bit;
      }
      if (values.size() < count)
        values.push_back((values.back() + least + rest) & mask);
      else
        require(rest == 0, "what fills up a miniblock is not zero");
    }
  }

  const std::byte* at_;
  const std::byte* end_;
};

std::uint32_t plain_crc(const std::byte* at, const std::byte* end) {
  std::uint32_t rest = ~std::uint32_t{0};
  for (; at != end; ++at) {
    rest ^= static_cast<std::uint32_t>(*at);
    for (unsigned bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ (rest % 2 != 0 ? 0xedb88320u : 0u);
  }
  return ~rest;
}

// The encoder alone, into memory that ends where it may.
template <class Value>
void check_column(const std::vector<Value>& values) {
  constexpr unsigned kPhysical = sizeof(Value) <= 4 ? 4 : 8;
  const std::span<const Value> page(values.data(), std::min(values.size(), kPageRows));
  const std::size_t most = most_delta_bytes(page.size(), kPhysical);
  const std::unique_ptr<std::byte[]> out(new std::byte[most]);
  const std::byte* const end = encode_delta(page, out.get());
  require(end <= out.get() + most, "more bytes than promised");
  const std::vector<std::uint64_t> decoded = Decoder(out.get(), end).delta(8 * kPhysical);
  require(decoded.size() == page.size() && std::equal(page.begin(), page.end(), decoded.begin()),
          "other values");
  const Range range = range_of(page);
  const auto [least, most_value] = std::minmax_element(page.begin(), page.end());
  require(range.least == *least && range.most == *most_value, "another range");
}

struct File {
  File() : fd(memfd_create("encoder_fuzz", 0)) { require(fd >= 0, "no memory file"); }
  ~File() { close(fd); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> all(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)));
    require(pread(fd, all.data(), all.size(), 0) == static_cast<ssize_t>(all.size()), "a short read");
    return all;
  }
  const int fd;
};

// What a page's header says: the fields in their order, all of them i32 but the last, a struct of four.
struct Header {
  std::uint64_t bytes, crc, rows;
  explicit Header(Decoder& decoder) {
    const auto field = [&](std::uint8_t tag) {
      require(decoder.next() == tag, "another field in a page's header");
      return decoder.zigzag();
    };
    require(field(0x15) == 0, "no data page");
    bytes = field(0x15);
    require(field(0x15) == bytes, "two sizes of one page");
    crc = field(0x15) & 0xffffffff;
    require(decoder.next() == 0x1c, "no data page's header");
    rows = field(0x15);
    require(field(0x15) == 5 && field(0x15) == 3 && field(0x15) == 3, "other encodings");
    require(decoder.next() == 0 && decoder.next() == 0, "a page's header that goes on");
  }
};

template <class Value>
const std::byte* check_chunk(const std::byte* at, const std::byte* end, const std::vector<Value>& values) {
  constexpr unsigned kBits = sizeof(Value) <= 4 ? 32 : 64;
  for (std::size_t row = 0; row < values.size(); row += kPageRows) {
    Decoder decoder(at, end);
    const Header header(decoder);
    const std::byte* const data = decoder.at();
    require(header.rows == std::min(kPageRows, values.size() - row), "another number of rows in a page");
    require(header.bytes <= static_cast<std::size_t>(end - data), "a page that is longer than the file");
    at = data + header.bytes;
    require(header.crc == plain_crc(data, at), "another checksum");
    const std::vector<std::uint64_t> decoded = Decoder(data, at).delta(kBits);
    require(std::equal(decoded.begin(), decoded.end(), values.begin() + static_cast<std::ptrdiff_t>(row)),
            "other values in a page");
  }
  return at;
}

struct Rows {
  std::vector<std::uint64_t> ticks;
  std::vector<std::uint8_t> u8;
  std::vector<std::uint16_t> u16;
  std::vector<std::uint32_t> u32;
  std::vector<std::uint64_t> u64;
};

template <class Value>
void fit(std::vector<Value>& out, const std::vector<std::uint64_t>& values) {
  for (const std::uint64_t value : values) out.push_back(static_cast<Value>(value));
}

Rows rows_of(Recipe& recipe) {
  Rows rows;
  rows.u64 = values_of(recipe, 9'000);
  fit(rows.u8, rows.u64);
  fit(rows.u16, rows.u64);
  fit(rows.u32, rows.u64);
  for (const std::uint64_t value : rows.u64)
    rows.ticks.push_back((rows.ticks.empty() ? 0 : rows.ticks.back()) + (value & 0xfffff));
  return rows;
}

std::vector<Block> blocks_of(const Rows& rows, std::size_t length) {
  std::vector<Block> blocks;
  for (std::size_t at = 0; at < rows.ticks.size(); at += length) {
    const std::size_t count = std::min(length, rows.ticks.size() - at);
    blocks.push_back({std::span(rows.ticks).subspan(at, count),
                      {&rows.u8[at], &rows.u16[at], &rows.u32[at], &rows.u64[at]},
                      &rows.u32[at]});
  }
  return blocks;
}

// A whole part, with one ns a tick.
void check_part(const Rows& rows, std::size_t block_rows) {
  const std::uint64_t anchor_ticks[] = {0, std::uint64_t{1} << 40};
  const std::int64_t anchor_ns[] = {0, std::int64_t{1} << 40};
  const File file;
  PartEncoder encoder(
      file.fd,
      {"t_ns", {{"a", Type::u8}, {"b", Type::u16}, {"c", Type::u32}, {"d", Type::u64}}, "latency_ns"});
  encoder.write(blocks_of(rows, block_rows), {anchor_ticks, anchor_ns, -1, 1.0});
  encoder.finish({"regtap version 0", {{"regtap", "{}"}}});
  const std::vector<std::byte> bytes = file.bytes();
  require(bytes.size() == encoder.bytes_written(), "another size");
  const std::byte* const end = bytes.data() + bytes.size();
  const std::byte* at = bytes.data() + 4;
  at = check_chunk(at, end, rows.ticks);
  at = check_chunk(at, end, rows.u8);
  at = check_chunk(at, end, rows.u16);
  at = check_chunk(at, end, rows.u32);
  at = check_chunk(at, end, rows.u64);
  check_chunk(at, end, rows.u32);
}

std::size_t check(const std::uint8_t* data, std::size_t size) {
  Recipe recipe(data, size);
  const std::size_t block_rows = 1 + recipe.number(2) % 5000;
  const Rows rows = rows_of(recipe);
  if (rows.ticks.empty()) return 0;
  check_column(rows.u8);
  check_column(rows.u16);
  check_column(rows.u32);
  check_column(rows.u64);
  check_part(rows, block_rows);
  return rows.ticks.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check(data, size);
  return 0;
}

#ifndef REGTAP_LIBFUZZER
namespace {

// One counter for each branch taken after another, as AFL has them.
std::uint8_t hits[1 << 16];
std::uintptr_t last_branch = 0;

// Ways through the code that no input took before: a branch after another, and how often, by powers of two.
class Coverage {
 public:
  bool takes_new_ways() {
    bool is_new = false;
    for (std::size_t k = 0; k < std::size(hits); ++k) {
      const auto times =
          static_cast<std::uint8_t>(hits[k] == 0 ? 0 : 1u << std::min(7, std::bit_width(hits[k]) - 1));
      if ((times & ~seen_[k]) == 0) continue;
      seen_[k] |= times;
      is_new = true;
      ++ways_;
    }
    return is_new;
  }
  std::size_t ways() const { return ways_; }

 private:
  std::uint8_t seen_[std::size(hits)] = {};
  std::size_t ways_ = 0;
};

using Input = std::vector<std::uint8_t>;

Input changed(const Input& parent, const Input& other, std::minstd_rand& draw) {
  Input input = parent;
  for (unsigned times = 1 + draw() % 4; times > 0; --times) {
    const std::size_t at = input.empty() ? 0 : draw() % input.size();
    switch (draw() % 4) {
      case 0:
        if (!input.empty()) input[at] ^= static_cast<std::uint8_t>(1u << draw() % 8);
        break;
      case 1:
        if (!input.empty()) input[at] = static_cast<std::uint8_t>(draw());
        break;
      case 2:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(draw()));
        break;
      default:
        input.resize(at);
        input.insert(input.end(), other.begin(), other.end());
    }
  }
  input.resize(std::min<std::size_t>(input.size(), 64));
  return input;
}

}  // namespace

extern "C" void __sanitizer_cov_trace_pc() {
  const auto branch = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  std::uint8_t& count = hits[(branch ^ last_branch) % std::size(hits)];
  if (count < 255) ++count;
  last_branch = branch >> 1;
}

int main(int argc, char** argv) {
  const long inputs = argc > 1 ? std::atol(argv[1]) : 2'000;
  static Coverage coverage;
  std::minstd_rand draw{20262};
  std::vector<Input> corpus = {{0, 16, 1, 200, 0, 3}};
  std::size_t rows = 0;
  for (long tried = 0; tried < inputs; ++tried) {
    const Input input = tried == 0
                            ? corpus[0]
                            : changed(corpus[draw() % corpus.size()], corpus[draw() % corpus.size()], draw);
    std::fill_n(hits, std::size(hits), std::uint8_t{0});
    rows += check(input.data(), input.size());
    if (coverage.takes_new_ways()) corpus.push_back(input);
  }
  std::printf("%ld inputs, %zu rows, %zu ways, %zu kept\n", inputs, rows, coverage.ways(), corpus.size());
  return 0;
}
#endif
