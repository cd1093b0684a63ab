#include "bindings/trigger.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <utility>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "core/row.hpp"
#include "core/stretches.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace regtap {
namespace {

// A trigger over rows that are in arrays already, where there is no loop.
class ArrayTrigger {
 public:
  ArrayTrigger(const std::vector<ComparisonTuple>& comparisons, std::vector<std::uint32_t> alternatives,
               std::size_t registers)
      : trigger_(comparisons_of(comparisons), std::move(alternatives), registers), registers_(registers) {}

  std::vector<std::uint64_t> judge(
      const std::vector<nb::ndarray<nb::ro, nb::ndim<1>, nb::c_contig, nb::device::cpu>>& columns) {
    require(columns.size() == registers_, "one array of values is needed for each register");
    Row row;
    for (const auto& column : columns) {
      require(column.size() == columns[0].size(), "the arrays must have the same length");
      require(column.dtype().code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::UInt) &&
                  column.dtype().lanes == 1,
              "values are unsigned integers");
      row.columns.push_back(
          {static_cast<const std::byte*>(column.data()), static_cast<unsigned>(column.itemsize())});
    }
    std::vector<std::uint64_t> struck;
    for (std::uint64_t i = 0; i < columns[0].size(); ++i)
      if (trigger_.strikes(row, i)) struck.push_back(i);
    return struck;
  }
  bool held_at_start() const { return trigger_.held_at_start(); }

 private:
  struct Row {
    struct Column {
      const std::byte* values;
      unsigned width;
    };
    std::vector<Column> columns;
    std::uint64_t value(std::size_t k, std::uint64_t i) const {
      return value_at(columns[k].values, columns[k].width, i);
    }
  };

  Trigger trigger_;
  std::size_t registers_;
};

}  // namespace

std::vector<Comparison> comparisons_of(const std::vector<ComparisonTuple>& tuples) {
  std::vector<Comparison> comparisons;
  for (const auto& [channel, mask, op, value] : tuples) comparisons.push_back({channel, mask, op, value});
  return comparisons;
}

void bind_trigger(nb::module_& m) {
  nb::enum_<Operator>(m, "Operator")
      .value("equal", Operator::equal)
      .value("not_equal", Operator::not_equal)
      .value("less", Operator::less)
      .value("at_most", Operator::at_most)
      .value("greater", Operator::greater)
      .value("at_least", Operator::at_least)
      .value("rises", Operator::rises)
      .value("falls", Operator::falls)
      .value("changes", Operator::changes);
  nb::class_<ArrayTrigger>(m, "Trigger", "A trigger over rows in arrays, judged one after the other.")
      .def(nb::init<const std::vector<ComparisonTuple>&, std::vector<std::uint32_t>, std::size_t>(),
           "comparisons"_a, "alternatives"_a, "registers"_a,
           "A comparison is (register's number, mask, operator, value); bit k of an alternative is "
           "comparison k.")
      .def("judge", &ArrayTrigger::judge, "columns"_a,
           nb::sig("def judge(self, columns: Sequence[NDArray[numpy.unsignedinteger]]) -> list[int]"),
           "The rows on which it strikes.")
      .def_prop_ro("held_at_start", &ArrayTrigger::held_at_start);
  nb::class_<StretchEvent>(m, "StretchEvent")
      .def_ro("is_end", &StretchEvent::is_end)
      .def_ro("stretch", &StretchEvent::stretch)
      .def_ro("index", &StretchEvent::index)
      .def_ro("ticks", &StretchEvent::ticks)
      .def_ro("sequence", &StretchEvent::sequence)
      .def_ro("hits", &StretchEvent::hits)
      .def_ro("keep_from", &StretchEvent::keep_from);
}

}  // namespace regtap
