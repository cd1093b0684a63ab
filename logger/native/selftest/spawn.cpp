#include "spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/system_errors.hpp"

namespace regtap::selftest {
namespace {

// In the child of a process with threads: async-signal-safe calls only.
[[noreturn]] void become(char* const* argv, const int* gate, int output_fd) {
  char go = 0;
  ::close(gate[1]);
  if (::read(gate[0], &go, 1) != 1) ::_exit(127);
  const int null_fd = ::open("/dev/null", O_RDONLY);
  if (null_fd < 0 || ::dup2(null_fd, 0) < 0 || ::dup2(output_fd, 1) < 0 || ::dup2(output_fd, 2) < 0)
    ::_exit(127);
  ::signal(SIGPIPE, SIG_DFL);  // Python ignores it, and a new program would inherit that
  ::execvp(argv[0], argv);
  ::_exit(127);
}

}  // namespace

HeldCommand::HeldCommand(const std::vector<std::string>& argv, int output_fd) {
  if (argv.empty()) throw_errno("no command", EINVAL);
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  int gate[2];
  if (::pipe2(gate, O_CLOEXEC) != 0) throw_errno("pipe2", errno);
  pid_ = ::fork();
  if (pid_ == 0) become(pointers.data(), gate, output_fd);
  const int error = errno;
  ::close(gate[0]);
  gate_ = gate[1];
  if (pid_ > 0) return;
  ::close(gate_);
  throw_errno("fork", error);
}

HeldCommand::~HeldCommand() {
  ::close(gate_);
  if (!released_) ::waitpid(pid_, nullptr, __WALL);
}

void HeldCommand::release() { released_ = ::write(gate_, "", 1) == 1; }

}  // namespace regtap::selftest
