// The page trap: runs a command and logs every access of its own code to one file's mapped pages.
//
// A ptrace parent keeps the pages of the probe file PROT_NONE in the command. Each access faults; the fault
// is logged, the instruction is stepped with the page open, and the page is closed again. The command's own
// signal handlers never see these faults. Linux on x86-64 only.
//
// Limits: accesses that the kernel makes for the command (read() into the page) do not fault, they fail with
// EFAULT and are not logged. A SIGSEGV or SIGTRAP that the command ignores or blocks is back at its default
// action after the first trap, because the kernel forces these signals through.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#if defined(__linux__) && defined(__x86_64__)
#define REGTAP_HAS_PAGE_TRAP 1
#endif

namespace regtap::selftest {

struct TrapRequest {
  std::vector<std::string> argv;  // the program is looked up in PATH
  std::string probe_path;
  std::size_t limit;  // accesses after which the command is killed
  std::chrono::duration<double> deadline;
  int output_fd;  // the command's stdout and stderr; borrowed
};

struct RawAccess {
  std::uint64_t offset;  // in the probe file
  bool write;            // the instruction writes there; it may also read
  std::string code;      // up to 15 bytes from the instruction on
};

enum class TrapEnd { exited, deadline, limit };

struct TrapResult {
  std::vector<RawAccess> accesses;  // in the order in which they were let through
  int exit_status = 0;              // below zero: minus the signal that ended it
  TrapEnd ended = TrapEnd::exited;
};

// Runs the command to its end and returns what it did to the probe file.
//
// Follows all threads and child processes; those that outlive the command are killed. Blocks; needs no
// other thread's help. Throws std::system_error: the system refuses ptrace, or is not Linux on x86-64
// (ENOSYS).
TrapResult trap_accesses(const TrapRequest& request);

}  // namespace regtap::selftest
