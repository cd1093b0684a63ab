// The ptrace options and stops that the page trap and the counter of system calls share.
#pragma once

#include <signal.h>
#include <sys/ptrace.h>

namespace regtap {

// Traces the children of a tracee too, from their first instruction on, and ends all tracees together with
// the tracer. An exec is then reported as an event, a system call by kSystemCallStop: neither can be taken
// for a signal.
inline constexpr int kTraceOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK |
                                     PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

// The stop signal of a tracee at the entry or exit of a system call, with PTRACE_O_TRACESYSGOOD (ptrace(2)).
inline constexpr int kSystemCallStop = SIGTRAP | 0x80;

// Returns the PTRACE_EVENT_* of a stop, as waitpid reports it in the third byte of the status; 0: no event.
inline constexpr int event_of(int status) { return status >> 16; }

}  // namespace regtap
