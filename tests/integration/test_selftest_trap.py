"""The page trap: what it must see of a command, and what it must leave alone."""

from __future__ import annotations

import platform
import sys
import time
from typing import TYPE_CHECKING

import pytest

from regtap.errors import RefusedError
from regtap.selftest.bus_shape import Access, Observation, observe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("iced_x86")
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the page trap is for x86-64")

PAGE = 4096
PATIENCE_S = 20.0
R8, R32, W32 = Access(0, 1, False), Access(0, 4, False), Access(0, 4, True)

# `mm`: the probe file, three pages, writable; `at`: its address; `run`: machine code as a function.
PRELUDE = f"""
import ctypes, mmap, os, signal, struct, threading
file = open({{probe!r}}, "r+b")
mm = mmap.mmap(file.fileno(), {3 * PAGE})
at = ctypes.addressof(ctypes.c_char.from_buffer(mm))
libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

def run(code):
    page = mmap.mmap(-1, {PAGE}, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex(code) + b"\\xc3")
    run.kept = page
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    return kind(ctypes.addressof(ctypes.c_char.from_buffer(page)))

load = "8a07"  # mov al, [rdi]
store32 = "8907"  # mov [rdi], eax
"""


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    path = tmp_path / "probe"
    path.write_bytes(bytes(range(256)) * (3 * PAGE // 256))
    return path


@pytest.fixture
def watch(probe: Path) -> Callable[[str], Observation]:
    """Return a function that runs Python source with PRELUDE under the page trap."""

    def run(source: str, deadline_s: float = 30.0) -> Observation:
        program = PRELUDE.format(probe=str(probe)) + source
        try:
            return observe([sys.executable, "-c", program], str(probe), deadline_s=deadline_s)
        except RefusedError as error:
            pytest.skip(str(error))

    return run


@pytest.mark.parametrize(
    ("code", "accesses"),
    [
        ("8a07", [R8]),  # mov al, [rdi]
        ("668b07", [Access(0, 2, False)]),
        ("8b07", [R32]),
        ("488b07", [Access(0, 8, False)]),
        ("f30f6f07", [Access(0, 16, False)]),  # movdqu xmm0, [rdi]
        ("8807", [Access(0, 1, True)]),
        ("8907", [W32]),
        ("48894708", [Access(8, 8, True)]),  # mov [rdi+8], rax
        ("8b4701", [Access(1, 4, False)]),  # misaligned
        ("f0830701", [R32, W32]),  # lock add dword [rdi], 1
        ("8b078907", [R32, W32]),  # a load, then a store
    ],
)
def test_each_access_of_machine_code_is_seen_as_it_is(
    watch: Callable[[str], Observation], code: str, accesses: list[Access]
) -> None:
    seen = watch(f"run({code!r})(at, None, 0)")

    assert seen.succeeded, seen.output
    assert list(seen.accesses) == accesses


def test_a_repeated_instruction_is_seen_by_iteration(watch: Callable[[str], Observation]) -> None:
    seen = watch("buffer = ctypes.create_string_buffer(9)\nrun('4889d1f3a4')(buffer, at, 9)")

    assert [access.offset for access in seen.accesses] == list(range(9))
    assert {(access.width_bytes, access.write) for access in seen.accesses} == {(1, False)}


def test_a_move_inside_the_page_is_a_read_and_a_write(watch: Callable[[str], Observation]) -> None:
    seen = watch("run('a5')(at + 0x80, at + 0x20, 0)")  # movsd

    assert seen.accesses == (Access(0x20, 4, False), Access(0x80, 4, True))


def test_an_access_is_done_as_if_nobody_watched(watch: Callable[[str], Observation], probe: Path) -> None:
    seen = watch(
        "value = ctypes.c_uint32.from_buffer(mm, 4)\nassert value.value == 0x07060504\nrun(store32)(at, 0, 0)"
    )

    assert seen.succeeded, seen.output
    assert probe.read_bytes()[4:8] == bytes([4, 5, 6, 7])


@pytest.mark.parametrize(
    ("expression", "accesses"),
    [
        ("mm[0:4]", [R32, R32]),
        ("mm[0:12]", [Access(4, 8, False), Access(0, 8, False)]),
        ("struct.unpack_from('>I', mm)", [Access(offset, 1, False) for offset in range(4)]),
        ("memoryview(mm).cast('I')[0]", [R32]),
        ("ctypes.c_uint32.from_buffer(mm).value", [R32]),
        ("ctypes.c_uint32.from_buffer(mm).value = 7", [R32, W32]),
        ("mm[0:4] = b'abcd'", [W32, W32]),
        ("memoryview(mm).cast('I')[0] = 7", [W32]),
    ],
)
def test_python_idioms_do_to_a_register_what_is_known_of_them(
    watch: Callable[[str], Observation], expression: str, accesses: list[Access]
) -> None:
    assert sorted(map(str, watch(expression).accesses)) == sorted(map(str, accesses))


def test_no_access_of_parallel_threads_is_lost(watch: Callable[[str], Observation]) -> None:
    # Foreign calls release the interpreter's lock, so the threads meet at the page.
    seen = watch("""
call = run(load)
def work(offset):
    for _ in range(200):
        call(at + offset, None, 0)
threads = [threading.Thread(target=work, args=(offset,)) for offset in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
""")

    assert seen.succeeded, seen.output
    counts = [sum(access == Access(offset, 1, False) for access in seen.accesses) for offset in range(3)]
    assert (counts, len(seen.accesses)) == ([200, 200, 200], 600)


def test_a_child_process_is_watched_too(watch: Callable[[str], Observation]) -> None:
    seen = watch("call = run(load)\nif os.fork() == 0:\n    call(at + 5, 0, 0)\n    os._exit(0)\nos.wait()")

    assert seen.accesses == (Access(5, 1, False),)


def test_other_signals_arrive(watch: Callable[[str], Observation]) -> None:
    seen = watch("""
ticks = []
signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
call = run(load)
for _ in range(300):
    call(at, None, 0)
signal.setitimer(signal.ITIMER_REAL, 0)
assert ticks
""")

    assert seen.succeeded, seen.output
    assert seen.accesses == (R8,) * 300


def test_a_fault_of_the_command_itself_reaches_it(watch: Callable[[str], Observation]) -> None:
    seen = watch("call = run(store32)\nlibc.mprotect(at, 4096, mmap.PROT_READ)\ncall(at, None, 0)")

    assert (seen.exit_status, seen.accesses) == (-11, ())


def test_a_page_past_the_end_of_the_file_is_a_bus_error(
    watch: Callable[[str], Observation],
) -> None:
    assert watch("call = run(load)\nos.truncate(file.name, 0)\ncall(at, None, 0)").exit_status == -7


def test_only_the_mapped_rest_is_trapped_after_an_unmap(
    watch: Callable[[str], Observation],
) -> None:
    seen = watch(f"""
call = run(load)
libc.munmap(at + {PAGE}, {PAGE}, 0)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
anywhere = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x10  # MAP_FIXED
assert libc.mmap(at + {PAGE}, {PAGE}, 1, anywhere, -1, 0) == at + {PAGE}
for page in range(3):
    call(at + page * {PAGE} + page, None, 0)
os._exit(0)
""")

    assert seen.succeeded, seen.output
    assert [access.offset for access in seen.accesses] == [0, 2 * PAGE + 2]


def test_a_load_from_an_unmapped_part_is_a_fault_of_the_command(watch: Callable[[str], Observation]) -> None:
    seen = watch(f"call = run(load)\nlibc.munmap(at + {PAGE}, {PAGE}, 0)\ncall(at + {PAGE}, None, 0)")

    assert (seen.exit_status, seen.accesses) == (-11, ())


def test_a_mapping_at_an_offset_is_logged_in_the_files_numbering(watch: Callable[[str], Observation]) -> None:
    seen = watch(f"""
other = mmap.mmap(file.fileno(), {PAGE}, offset={PAGE})
run(load)(ctypes.addressof(ctypes.c_char.from_buffer(other)) + 3, None, 0)
""")

    assert seen.accesses == (Access(PAGE + 3, 1, False),)


def test_a_grown_mapping_is_still_trapped(watch: Callable[[str], Observation], probe: Path) -> None:
    seen = watch(f"""
small = mmap.mmap(file.fileno(), {PAGE})
small.resize({2 * PAGE})
run(load)(ctypes.addressof(ctypes.c_char.from_buffer(small)) + {PAGE}, None, 0)
""")

    assert seen.accesses == (Access(PAGE, 1, False),)


def test_locking_the_page_in_memory_succeeds_as_if_unwatched(
    watch: Callable[[str], Observation],
) -> None:
    seen = watch(f"assert libc.mlock(at, {PAGE}) == 0\nrun(load)(at, None, 0)")

    assert seen.succeeded, seen.output
    assert seen.accesses == (R8,)


def test_another_file_is_left_alone(watch: Callable[[str], Observation], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(bytes(PAGE))

    seen = watch(f"f = open({str(other)!r}, 'r+b')\nmmap.mmap(f.fileno(), {PAGE})[0:4]")

    assert (seen.exit_status, seen.accesses) == (0, ())


def test_exit_status_and_output_are_handed_on(watch: Callable[[str], Observation]) -> None:
    seen = watch("import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(5)")

    assert (seen.exit_status, seen.output, seen.succeeded) == (5, "out\nerr\n", False)


def test_a_command_past_its_deadline_is_killed(watch: Callable[..., Observation]) -> None:
    seen = watch("signal.pause()", deadline_s=0.5)

    assert (seen.ended, seen.exit_status) == ("deadline", -9)


def test_what_the_command_leaves_running_is_killed(
    watch: Callable[[str], Observation], tmp_path: Path
) -> None:
    seen = watch("child = os.fork()\nif child == 0:\n    signal.pause()\nprint(child)")

    assert _gone(int(seen.output))


def test_a_command_that_cannot_be_run_has_the_shells_exit_status(probe: Path) -> None:
    assert observe(["/nonexistent"], str(probe)).exit_status == 127


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not (ended := _ended(pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return ended


def _ended(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
