// A child process that waits for permission before it becomes the command.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace regtap::selftest {

// Owns the pipe that holds the child back; a child that was never released ends by itself.
class HeldCommand {
 public:
  // Throws std::system_error. The child's stdin is /dev/null, its stdout and stderr are output_fd.
  HeldCommand(const std::vector<std::string>& argv, int output_fd);
  ~HeldCommand();
  HeldCommand(const HeldCommand&) = delete;
  HeldCommand& operator=(const HeldCommand&) = delete;

  pid_t pid() const { return pid_; }
  // Lets it execute the command (exit status 127: it cannot).
  void release();

 private:
  pid_t pid_ = -1;
  int gate_ = -1;
  bool released_ = false;
};

}  // namespace regtap::selftest
