"""The machine judged: settings from a faked sysfs, load from made-up figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regtap_bench.environment import longest_gap_us, read_settings
from regtap_bench.figures.judgement import judge_machine

CPU = "sys/devices/system/cpu"
QEMU = "QEMU Standard PC (Q35 + ICH9, 2009)"
KVM, TCG = "KVMKVMKVM", "TCGTCGTCGTCG"
GOOD: dict[str, Any] = {
    "governor": "performance",
    "boost": "0",
    "no_turbo": "unknown",
    "smt": "0",
    "isolated_cpus": "1",
    "hypervisor": False,
    "hypervisor_signature": "",
    "board": "Dell Inc. PowerEdge R7525",
    "clocksource": "tsc",
    "mitigations": "",
}
CALM: dict[str, Any] = {
    "steal_percent": 0.0,
    "others_percent": 1.0,
    "gap_us_before": 20.0,
    "gap_us_after": 30.0,
}


def _names(facts: dict[str, Any], load: dict[str, Any] | None = None, disturbed: float = 0.0) -> list[str]:
    return [finding.name for finding in judge_machine({**GOOD, **facts}, {**CALM, **(load or {})}, disturbed)]


def test_a_machine_made_ready_has_no_findings() -> None:
    assert _names({}) == []


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"governor": "powersave"}, "governor"),
        ({"boost": "1"}, "turbo"),
        ({"no_turbo": "0"}, "turbo"),
        ({"smt": "1"}, "SMT"),
        ({"hypervisor": True}, "virtual machine"),
        ({"hypervisor": True, "hypervisor_signature": KVM, "board": QEMU}, "virtual machine"),
        ({"hypervisor": True, "hypervisor_signature": TCG, "board": QEMU}, "emulated"),
        ({"hypervisor_signature": TCG, "board": "unknown"}, "emulated"),
        ({"board": QEMU}, "perhaps emulated"),
        ({"board": "linux,dummy-virt"}, "perhaps emulated"),
        ({"clocksource": "hpet"}, "clocksource"),
        ({"mitigations": "meltdown"}, "mitigations"),
    ],
)
def test_each_setting_has_its_finding(facts: dict[str, Any], name: str) -> None:
    assert _names(facts) == [name]


@pytest.mark.parametrize(
    ("load", "disturbed", "name"),
    [
        ({"steal_percent": 5.0}, 0.0, "steal"),
        ({"others_percent": 40.0}, 0.0, "load"),
        ({}, 0.3, "preemption"),
        ({"gap_us_after": 4000.0}, 0.0, "scheduling"),
    ],
)
def test_each_kind_of_load_has_its_finding(load: dict[str, Any], disturbed: float, name: str) -> None:
    assert _names({}, load, disturbed) == [name]


def test_what_a_machine_does_not_say_is_no_finding() -> None:
    assert _names(dict.fromkeys(("governor", "boost", "smt", "isolated_cpus"), "unknown")) == []


def test_settings_come_from_sysfs(tmp_path: Path) -> None:
    files = {
        f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave",
        f"{CPU}/cpufreq/boost": "1",
        f"{CPU}/smt/active": "0",
        "sys/class/dmi/id/sys_vendor": "QEMU",
        "sys/class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)",
        f"{CPU}/vulnerabilities/meltdown": "Mitigation: PTI",
        f"{CPU}/vulnerabilities/l1tf": "Not affected",
        f"{CPU}/vulnerabilities/spectre_v2": "Mitigation: Retpolines",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert read_settings(str(tmp_path)) == {
        "governor": "powersave",
        "boost": "1",
        "no_turbo": "unknown",
        "smt": "0",
        "isolated_cpus": "unknown",
        "shmem_huge_pages": "unknown",
        "board": QEMU,
        "mitigations": "meltdown, spectre_v2",
    }


def test_a_board_without_dmi_is_named_by_its_device_tree(tmp_path: Path) -> None:
    path = tmp_path / "proc/device-tree/compatible"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"xlnx,zynqmp-zcu102\0xlnx,zynqmp\0")

    assert read_settings(str(tmp_path))["board"] == "xlnx,zynqmp-zcu102 xlnx,zynqmp"


def test_an_emulated_machine_is_told_what_its_figures_are_worth() -> None:
    (finding,) = judge_machine({**GOOD, "hypervisor_signature": TCG}, CALM, 0.0)
    assert "emulated (QEMU TCG)" in finding.text
    assert "never cost" in finding.text


def test_a_machine_without_sysfs_says_unknown(tmp_path: Path) -> None:
    settings = read_settings(str(tmp_path))
    assert settings.pop("mitigations") == ""
    assert set(settings.values()) == {"unknown"}


def test_the_longest_gap_is_some_time() -> None:
    assert longest_gap_us() > 0
