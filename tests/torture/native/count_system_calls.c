/* Runs a command under ptrace and counts the system calls that a thread makes between two getrusage(RUSAGE_THREAD):
   the recorder's sampling thread brackets its loop with them.

   Usage: count_system_calls RESULT COMMAND... Writes a line "NUMBER COUNT" for each kind of call, after a line
   "brackets N", and ends with the command's status. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4096, KINDS = 1024, CALL_STOP = SIGTRAP | 0x80 };

static pid_t inside[THREADS]; /* threads within the bracket */
static int inside_count, brackets;
static unsigned long counts[KINDS];

static void die(const char *what) {
  perror(what);
  exit(99);
}

static int *place_of(pid_t thread) {
  static int place;
  for (place = 0; place < inside_count; ++place)
    if (inside[place] == thread) return &place;
  return NULL;
}

static void on_entry(pid_t thread, const struct __ptrace_syscall_info *info) {
  int *place = place_of(thread);
  const int bracket = info->entry.nr == SYS_getrusage && (int)info->entry.args[0] == RUSAGE_THREAD;
  if (!bracket) {
    if (place && info->entry.nr < KINDS) ++counts[info->entry.nr];
  } else if (place) {
    inside[*place] = inside[--inside_count];
  } else if (inside_count < THREADS) {
    inside[inside_count++] = thread;
    ++brackets;
  }
}

static int follow(pid_t command) {
  int status = 0;
  for (pid_t thread; (thread = waitpid(-1, &status, __WALL)) > 0;) {
    if (!WIFSTOPPED(status)) {
      if (thread == command) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    int deliver = 0;
    if (WSTOPSIG(status) == CALL_STOP) {
      struct __ptrace_syscall_info info;
      if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY)
        on_entry(thread, &info);
    } else if (status >> 16 == 0) {
      deliver = WSTOPSIG(status);
    }
    ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(long)deliver); /* ESRCH: killed meanwhile */
  }
  die("waitpid");
  return 99;
}

int main(int argc, char **argv) {
  if (argc < 3) return 98;
  const pid_t command = fork();
  if (command == 0) {
    raise(SIGSTOP);
    execvp(argv[2], argv + 2);
    _exit(97);
  }
  if (waitpid(command, NULL, WUNTRACED) != command) die("waitpid");
  if (ptrace(PTRACE_SEIZE, command, NULL,
             (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)) != 0)
    die("ptrace");
  kill(command, SIGCONT);
  const int status = follow(command);
  FILE *result = fopen(argv[1], "w");
  if (!result) die(argv[1]);
  fprintf(result, "brackets %d\n", brackets);
  for (int kind = 0; kind < KINDS; ++kind)
    if (counts[kind]) fprintf(result, "%d %lu\n", kind, counts[kind]);
  fclose(result);
  return status;
}
