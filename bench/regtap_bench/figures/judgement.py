"""The judgement of the machine: settings and load with an influence on the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regtap_bench.figures.result import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TCG = "TCGTCGTCGTCG"  # QEMU's target/i386/cpu.c, CPUID leaf 0x40000000
_QEMU_BOARDS = ("QEMU", "linux,dummy-virt")  # that KVM runs too; other processors than x86 do not tell which
EMULATED, PERHAPS_EMULATED = "emulated", "perhaps emulated"
_NO_COST = "it proves behaviour, never cost"
_ON_HARDWARE = "measure on the hardware itself"
# Limits beyond which a caveat is given; arbitrary.
_LONG_GAP_US = 1000.0
_STEAL_PERCENT, _OTHERS_PERCENT, _DISTURBED_SHARE = 1.0, 10.0, 0.1
_TRUSTED_CLOCKS = ("tsc", "arch_sys_counter")


def judge_machine(
    environment: Mapping[str, Any], load: Mapping[str, Any], disturbed_share: float
) -> tuple[Caveat, ...]:
    """Return the caveats about the machine, with a remedy if there is one.

    Args:
        environment: describe_environment().
        load: MachineLoad.until(), with `gap_us_before` and `gap_us_after`.
        disturbed_share: Share of rounds with a context switch in a block.
    """
    return (*_of_settings(environment), *_of_load(environment, load, disturbed_share))


def _of_settings(facts: Mapping[str, Any]) -> Iterable[Caveat]:
    governor = facts.get("governor", "unknown")
    if governor not in ("performance", "unknown"):
        yield Caveat(
            "governor",
            f"the CPU's governor is {governor}: its frequency changes with the load",
            "cpupower frequency-set -g performance",
        )
    if facts.get("boost") == "1" or facts.get("no_turbo") == "0":
        yield Caveat(
            "turbo",
            "the CPU may exceed its nominal frequency: ns an access depend on its temperature and neighbours",
            "echo 0 > /sys/devices/system/cpu/cpufreq/boost (or 1 > .../intel_pstate/no_turbo)",
        )
    if facts.get("smt") == "1":
        yield Caveat(
            "SMT", "two threads share a core: the neighbour slows the loop", "echo off > .../cpu/smt/control"
        )
    yield from _of_virtualisation(facts)
    if facts.get("clocksource") not in _TRUSTED_CLOCKS:
        yield Caveat(
            "clocksource",
            f"the kernel's clock is {facts.get('clocksource')}: reading it takes longer",
            "see `dmesg` for why the CPU's own counter is not trusted",
        )
    if facts.get("mitigations"):
        yield Caveat(
            "mitigations",
            f"mitigations are on and part of the price of a system call: {facts['mitigations']}",
            "compare only with runs that have the same",
        )


def _of_virtualisation(facts: Mapping[str, Any]) -> Iterable[Caveat]:
    signature, board = facts.get("hypervisor_signature"), str(facts.get("board"))
    if signature == _TCG:
        yield Caveat(
            EMULATED,
            f"this machine is emulated (QEMU TCG), without caches or a bus: {_NO_COST}",
            _ON_HARDWARE,
        )
    elif not signature and any(word in board for word in _QEMU_BOARDS):
        yield Caveat(
            PERHAPS_EMULATED, f"{board} does not say whether it is emulated: if so, {_NO_COST}", _ON_HARDWARE
        )
    elif facts.get("hypervisor"):
        yield Caveat("virtual machine", "a hypervisor shares the CPU: use ratios, not absolute times", "")


def _of_load(facts: Mapping[str, Any], load: Mapping[str, Any], disturbed_share: float) -> Iterable[Caveat]:
    steal = load.get("steal_percent")
    if steal is not None and steal > _STEAL_PERCENT:
        yield Caveat(
            "steal", f"the hypervisor took {steal} % of the CPU time", "measure when its host is idle"
        )
    others_percent = float(load["others_percent"])
    if others_percent > _OTHERS_PERCENT:
        yield Caveat(
            "load",
            f"other processes used {others_percent:.0f} % of all CPU time",
            "stop them, or isolate a CPU",
        )
    if disturbed_share > _DISTURBED_SHARE:
        yield Caveat(
            "preemption",
            f"{100 * disturbed_share:.0f} % of the rounds were interrupted by another process",
            "isolate a CPU (isolcpus=) and name it with --cpu"
            if not facts.get("isolated_cpus")
            else "use --cpu",
        )
    gap = max(float(load["gap_us_before"]), float(load["gap_us_after"]))
    if gap > _LONG_GAP_US:
        yield Caveat(
            "scheduling", f"a process was kept waiting for {gap / 1000:.1f} ms at a time", "stop other load"
        )
