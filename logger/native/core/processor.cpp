#include "core/processor.hpp"

#if defined(__x86_64__)
#include <cpuid.h>

#include <array>
#include <cstring>
#endif

namespace regtap {

std::string hypervisor_signature() {
#if defined(__x86_64__)
  constexpr unsigned kFeatures = 1, kHypervisor = 0x40000000;
  constexpr unsigned kUnderHypervisor = 1u << 31;  // of ECX; hardware always says 0
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(kFeatures, &eax, &ebx, &ecx, &edx) == 0 || (ecx & kUnderHypervisor) == 0) return {};
  __cpuid(kHypervisor, eax, ebx, ecx, edx);
  std::array<char, 13> text{};  // one more: a signature may fill all twelve
  const std::array words{ebx, ecx, edx};
  std::memcpy(text.data(), words.data(), sizeof words);
  return text.data();
#else
  return {};
#endif
}

}  // namespace regtap
