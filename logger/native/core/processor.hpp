// What the processor says about itself.
#pragma once

#include <string>

namespace regtap {

// The hypervisor's signature, such as "KVMKVMKVM", or "TCGTCGTCGTCG" where QEMU emulates the processor. Empty
// on bare metal, where it is hidden, and on processors other than x86, which have no such word.
std::string hypervisor_signature();

}  // namespace regtap
