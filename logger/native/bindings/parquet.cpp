// The door to the part encoder: arrays of the ring's blocks in, a Parquet file out.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <utility>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "core/access.hpp"
#include "parquet/part_encoder.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace regtap {
namespace {

using parquet::Block;
using parquet::PartEncoder;
using parquet::Type;

using AnyArray = nb::ndarray<nb::ro, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using BlockArrays = std::vector<AnyArray>;  // ticks, then the registers, then the latency where there is one

Type type_of(Kind kind) {
  switch (width_bytes(kind)) {
    case 1:
      return Type::u8;
    case 2:
      return Type::u16;
    case 4:
      return Type::u32;
    default:
      return Type::u64;
  }
}

const void* data_of(const AnyArray& array, Type type, std::size_t rows) {
  const unsigned width = parquet::width_bytes(type);
  require(array.dtype() == nb::dlpack::dtype{static_cast<std::uint8_t>(nb::dlpack::dtype_code::UInt),
                                             static_cast<std::uint8_t>(8 * width), 1},
          "an array of a block has not its column's type");
  require(array.size() == rows, "the arrays of a block must have the same length");
  require(reinterpret_cast<std::uintptr_t>(array.data()) % width == 0, "an array of a block is not aligned");
  return array.data();
}

Block block_of(const BlockArrays& arrays, const parquet::Layout& layout) {
  const bool has_latency = !layout.latency.empty();
  const std::size_t registers = layout.registers.size();
  require(arrays.size() == 1 + registers + has_latency, "a block needs one array for each column");
  const std::size_t rows = arrays[0].size();
  Block block = {{static_cast<const std::uint64_t*>(data_of(arrays[0], Type::u64, rows)), rows}, {}, nullptr};
  for (std::size_t k = 0; k < registers; ++k)
    block.registers.push_back(data_of(arrays[1 + k], layout.registers[k].type, rows));
  if (has_latency) block.latency = static_cast<const std::uint32_t*>(data_of(arrays.back(), Type::u32, rows));
  return block;
}

void construct(PartEncoder* self, int fd, std::string time,
               const std::vector<std::pair<std::string, Kind>>& registers, std::string latency) {
  parquet::Layout layout = {std::move(time), {}, std::move(latency)};
  for (const auto& [name, kind] : registers) layout.registers.push_back({name, type_of(kind)});
  new (self) PartEncoder(fd, std::move(layout));
}

nb::tuple write(PartEncoder& encoder, const std::vector<BlockArrays>& arrays,
                const Array<const std::uint64_t>& anchor_ticks, const Array<const std::int64_t>& anchor_ns,
                std::int64_t floor_ns, double latency_ns_per_tick) {
  require(anchor_ticks.size() == anchor_ns.size() && anchor_ticks.size() >= 2,
          "at least two anchors are needed");
  std::vector<Block> blocks;
  for (const BlockArrays& block : arrays) blocks.push_back(block_of(block, encoder.layout()));
  parquet::Times times;
  {
    const nb::gil_scoped_release unlocked;
    times = encoder.write(blocks, {{anchor_ticks.data(), anchor_ticks.size()},
                                   {anchor_ns.data(), anchor_ns.size()},
                                   floor_ns,
                                   latency_ns_per_tick});
  }
  return nb::make_tuple(times.first_ns, times.last_ns, times.longest_ns);
}

void finish(PartEncoder& encoder, std::string created_by,
            const std::vector<std::pair<std::string, nb::bytes>>& metadata) {
  parquet::FileInfo info = {std::move(created_by), {}};
  for (const auto& [key, value] : metadata) info.metadata.push_back({key, {value.c_str(), value.size()}});
  const nb::gil_scoped_release unlocked;
  encoder.finish(info);
}

}  // namespace

void bind_parquet(nb::module_& m) {
  nb::class_<PartEncoder>(m, "PartEncoder",
                          "One part of a trace; the file of the descriptor stays the caller's.")
      .def("__init__", &construct, "fd"_a, nb::kw_only(), "time"_a, "registers"_a, "latency"_a)
      .def("write", &write, "blocks"_a, nb::arg("anchor_ticks").noconvert(), nb::arg("anchor_ns").noconvert(),
           "floor_ns"_a, "latency_ns_per_tick"_a,
           nb::sig("def write(self, blocks: Sequence[Sequence[NDArray[numpy.unsignedinteger]]], "
                   "anchor_ticks: NDArray[numpy.uint64], anchor_ns: NDArray[numpy.int64], floor_ns: int, "
                   "latency_ns_per_tick: float) -> tuple[int, int, int]"),
           "Write one row group; (first_ns, last_ns, longest_ns).")
      .def("finish", &finish, "created_by"_a, "metadata"_a)
      .def_prop_ro("bytes_written", &PartEncoder::bytes_written);
}

}  // namespace regtap
