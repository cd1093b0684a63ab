// Counts the system calls of a child process, by ptrace.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace regtap::bench {

// In the child, before what is to be counted: waits until the parent counts. Throws std::system_error.
void let_parent_count();

// In the parent: runs a child that has called let_parent_count() to its end. Returns how many system calls it
// and the processes that it started made between the two of a Meter, which brackets a block. Other children
// of the caller that end meanwhile are reaped. Throws std::system_error, also when the child did not end with
// status 0 (ECHILD).
std::uint64_t count_calls(pid_t child);

}  // namespace regtap::bench
