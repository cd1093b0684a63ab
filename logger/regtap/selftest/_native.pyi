"""The page trap (logger/native/selftest/page_trap.hpp)."""

def trap_accesses(
    argv: list[str], *, probe_path: str, limit: int, deadline_s: float, output_fd: int
) -> tuple[list[tuple[int, bool, bytes]], int, str]:
    """Run a command and log every access that its own code makes to the mapped pages of one file.

    Returns once the command has ended; releases the GIL.

    Args:
        argv: The command; its program is looked up in PATH (exit status 127: it cannot be run).
        probe_path: The file; it must exist.
        limit: Accesses after which the command is killed.
        deadline_s: Seconds after which the command is killed.
        output_fd: Where its stdout and stderr go.

    Returns:
        The accesses in order, each as offset in the file, whether the instruction writes there (it may read
        too), and up to 15 bytes of code from that instruction on; the exit status, negative for a signal; and
        how it ended: `exited`, `deadline` or `limit`.

    Raises:
        OSError: The system refuses ptrace (EPERM), or is not Linux on x86-64 (ENOSYS).
    """
