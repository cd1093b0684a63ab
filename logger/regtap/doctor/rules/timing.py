"""Rules about clocks, and about disturbances of a sampling loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.doctor.findings import Finding, ok, problem, warning

if TYPE_CHECKING:
    from regtap.doctor.facts import Facts

_X86 = ("x86_64", "i686")
_LARGE_ERROR_NS = 1000  # a register access on a bus takes about as long


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return a finding for each influence on the spacing and the timestamps of samples."""
    return tuple(rule(facts) for rule in (clock, processors, governor, isolation, real_time))


def clock(facts: Facts) -> Finding:
    """Judge the source and the error bound of timestamps."""
    timing = facts.timing
    if timing.tick_source is None or timing.error_bound_ns is None:
        return problem(
            "clock",
            f"the native core cannot be loaded ({timing.native_error})",
            "nothing works",
            "install regtap again on this machine",
        )
    state = f"{timing.tick_source}, +-{timing.error_bound_ns:.0f} ns; clocksource {timing.clocksource}"
    if timing.tick_source == "monotonic_raw":
        return _dear_clock(state, facts)
    if timing.error_bound_ns > _LARGE_ERROR_NS:
        remedy = "look for a busy hypervisor; `regtap info` has the bound of each trace"
        return warning("clock", state, "timestamps are less exact than an access is long", remedy)
    return ok("clock", state, "timestamps cost one instruction")


def _dear_clock(state: str, facts: Facts) -> Finding:
    meaning = "the loop asks the kernel for each timestamp"
    if "tsc" in facts.timing.available_clocksources:
        remedy = "as root: echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"
        return warning("clock", state, meaning, remedy)
    if facts.machine in _X86:
        remedy = "`dmesg | grep -i tsc` says why the kernel does not trust the processor's counter"
        return warning("clock", state, meaning, remedy)
    return ok("clock", state, meaning)


def processors(facts: Facts) -> Finding:
    """Judge the number of CPUs for the sampling thread and the writer."""
    count = len(facts.process.cpus)
    state = f"{count} usable{', of a virtual machine' if facts.timing.virtual else ''}"
    if count == 1:
        return warning(
            "CPUs",
            state,
            "sampling thread and writer take turns: pauses, missed slots",
            "give it a second CPU (taskset, cpuset), or record at a lower --rate",
        )
    return ok("CPUs", state, "one for the sampling thread, the rest for the writer")


def governor(facts: Facts) -> Finding:
    """Judge the frequency governors of the CPUs."""
    names = facts.timing.governors
    if not names:
        return ok("governor", "no frequency scaling in sight", "nothing to set")
    if names == ("performance",):
        return ok("governor", "performance", "the frequency stays up")
    return warning(
        "governor",
        ", ".join(names),
        "the frequency follows the load: benchmarks and latencies wander",
        "as root: cpupower frequency-set -g performance",
    )


def isolation(facts: Facts) -> Finding:
    """Judge whether a CPU is kept free of other work."""
    isolated, tickless = facts.timing.isolated_cpus, facts.timing.tickless_cpus
    if not isolated:
        return ok(
            "isolation", "no isolated CPU", "for evenly paced captures boot with isolcpus=N nohz_full=N"
        )
    state = f"CPU {_listed(isolated)}" + (f", tickless {_listed(tickless)}" if tickless else "")
    return ok("isolation", state, f"use it with --cpu {isolated[0]}")


def real_time(facts: Facts) -> Finding:
    """Judge --realtime: whether the option works, and whether the kernel throttles real-time threads."""
    timing, name = facts.timing, "real time"
    refused = facts.process.realtime_refused
    if refused is not None:
        return warning(name, f"SCHED_FIFO: {refused}", "no --realtime", _allow_realtime(facts))
    if not timing.latency_node.writable:
        state = f"{timing.latency_node.path} {timing.latency_node.description}"
        return warning(name, state, "no --realtime", "run as root (sudo)")
    if timing.realtime_us < 0 or timing.realtime_us >= timing.realtime_period_us:
        return ok(name, "allowed, without throttling", "--realtime runs undisturbed")
    pause_us = timing.realtime_period_us - timing.realtime_us
    return warning(
        name,
        f"throttled to {timing.realtime_us / 1000:g} of {timing.realtime_period_us / 1000:g} ms",
        f"--realtime --rate max may pause {pause_us / 1000:g} ms in each",
        "as root: echo -1 > /proc/sys/kernel/sched_rt_runtime_us, or pace it",
    )


def _allow_realtime(facts: Facts) -> str:
    if facts.process.is_root:
        return "start the container with --cap-add SYS_NICE, or give its control group real-time bandwidth"
    return "run as root (sudo)"


def _listed(cpus: tuple[int, ...]) -> str:
    return ",".join(map(str, cpus))
