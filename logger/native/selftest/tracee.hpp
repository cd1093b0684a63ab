// One stopped thread: its registers, signals, instruction bytes, and single steps. x86-64 only.
#pragma once

#include <signal.h>
#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "events.hpp"

namespace regtap::selftest {

using Registers = user_regs_struct;

// Length of the instruction `syscall`: 0f 05.
inline constexpr std::uint64_t kSystemCallBytes = 2;

// A view: the thread belongs to the tracer. Every call throws TraceeGone when the thread has died.
class Tracee {
 public:
  Tracee(pid_t tid, EventQueue& events) : tid_(tid), events_(&events) {}

  pid_t tid() const { return tid_; }
  Registers registers() const;
  void set_registers(const Registers& registers) const;
  siginfo_t signal() const;
  void set_signal(const siginfo_t& signal) const;
  std::uint64_t event_message() const;
  // Whether this system-call stop is the way in (false: the way out), and of the 64-bit interface.
  enum class CallStop { entry, exit, foreign };
  CallStop call_stop() const;
  // Runs to the next report; `signal` is delivered if it is not 0.
  void resume(int signal = 0) const;
  // Stays in a group stop, as job control wants it.
  void listen() const;
  // Runs one instruction (one iteration of a repeated one) and returns the signal it ended with (SIGTRAP:
  // done).
  int step() const;
  // Runs a system call in the thread and returns its result; registers are as before.
  std::int64_t inject(std::uint64_t syscall_address, std::uint64_t number,
                      std::initializer_list<std::uint64_t> arguments) const;
  // Up to 15 bytes of code: what is mapped there.
  std::string code(std::uint64_t address) const;

 private:
  pid_t tid_;
  EventQueue* events_;
};

// Keeps other signals pending while the thread is stepped, so that they arrive later and unchanged.
class SignalsHeld {
 public:
  explicit SignalsHeld(const Tracee& tracee);
  ~SignalsHeld();
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  pid_t tid_;
  std::uint64_t mask_ = 0;
};

}  // namespace regtap::selftest
