"""Rules about the access of a process to physical memory."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from regtap.doctor.findings import Finding, ok, warning

if TYPE_CHECKING:
    from regtap.doctor.facts import Facts

ELSEWHERE = "reach the device as uio:N or pci:DDDD:BB:DD.F/barN"
_SUDO = "run as root (sudo)"
_MOUNT_PROC = "mount -t proc proc /proc"


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return a finding for each possible obstacle."""
    rules = (privileges, lockdown, dev_mem, strict_devmem, io_strict_devmem, iomem)
    return tuple(rule(facts) for rule in rules)


def privileges(facts: Facts) -> Finding:
    """Judge the user and the capabilities of this process."""
    process = facts.process
    if not process.is_known:
        what = "what this process may do cannot be told"
        return warning("privileges", f"user {process.user}, the rest unknown", what, _MOUNT_PROC)
    held = ", ".join(process.capabilities) or "no capabilities"
    state = f"user {process.user}, {held}"
    if process.is_root and "CAP_SYS_RAWIO" not in process.capabilities:
        return warning(
            "privileges",
            f"root without CAP_SYS_RAWIO ({held})",
            "the mem target is refused",
            "start the container with --cap-add SYS_RAWIO",
        )
    if process.is_root:
        return ok("privileges", "root with CAP_SYS_RAWIO", "every target, as far as the kernel lets it")
    return ok("privileges", state, "sim, file: and the nodes open to it; sudo for the rest")


def lockdown(facts: Facts) -> Finding:
    """Judge the lockdown, which restricts root too."""
    mode = facts.kernel.lockdown
    if mode == "none":
        return ok("lockdown", "none", "refuses nothing")
    return warning(
        "lockdown",
        mode,
        "mem and pci targets are refused, even to root",
        "boot without Secure Boot or lockdown=, or use a UIO driver",
    )


def dev_mem(facts: Facts) -> Finding:
    """Judge /dev/mem: its existence, its safety, and the permission of this process to open the node."""
    node, name = facts.memory.node, "/dev/mem"
    if node.mode is None:
        built = facts.kernel.is_set("DEVMEM")
        why = " (built without CONFIG_DEVMEM)" if built is False else " (hidden from this container)"
        return warning(
            name, f"absent{why if built is not None else ''}", "the mem target cannot work", ELSEWHERE
        )
    open_to = _too_open(node.mode, node.group)
    if open_to:
        return warning(
            name,
            f"{node.description}, {open_to.upper()}",
            "a SECURITY HOLE, only CAP_SYS_RAWIO still guards all of memory",
            "chmod 640 /dev/mem, and remove the udev rule that opened it",
        )
    return _openable(facts)


def _too_open(mode: int, group: str) -> str:
    if mode & stat.S_IWOTH:
        return "everybody may write it"
    if mode & stat.S_IWGRP:
        return f"group {group} may write it"
    return "everybody may read it" if mode & stat.S_IROTH else ""


def _openable(facts: Facts) -> Finding:
    state = facts.memory.node.description
    if not facts.memory.node.readable:
        return warning("/dev/mem", state, f"closed to user {facts.process.user}: no mem target", _SUDO)
    if "CAP_SYS_RAWIO" not in facts.process.capabilities:
        return warning(
            "/dev/mem", state, "its mode lets this user in, but opening it takes CAP_SYS_RAWIO", _SUDO
        )
    if facts.kernel.lockdown != "none":
        return warning("/dev/mem", state, "shut by the lockdown above", ELSEWHERE)
    return ok("/dev/mem", state, "the mem target can be opened")


def strict_devmem(facts: Facts) -> Finding:
    """Judge STRICT_DEVMEM: whether RAM is kept apart from devices."""
    name, setting = "STRICT_DEVMEM", facts.kernel.is_set("STRICT_DEVMEM")
    if setting is None:
        return _unknown(name, facts)
    if setting:
        return ok(name, f"on ({facts.kernel.config_source})", "System RAM is refused; devices are not")
    if facts.memory.node.mode is None:
        return ok(name, f"off ({facts.kernel.config_source})", "no matter without /dev/mem")
    return warning(
        name,
        f"off ({facts.kernel.config_source})",
        "/dev/mem reaches the kernel's own RAM too: a wrong address in a write can crash it",
        "check every address that you write (`regtap doctor ADDRESS`), or use uio: and pci:",
    )


def io_strict_devmem(facts: Facts) -> Finding:
    """Judge IO_STRICT_DEVMEM: whether the kernel refuses pages claimed by a driver."""
    name, setting = "IO_STRICT_DEVMEM", facts.kernel.is_set("IO_STRICT_DEVMEM")
    if facts.kernel.is_relaxed:
        return ok(name, "lifted (iomem=relaxed)", "registers that a driver uses can be mapped beside it")
    if setting is None:
        return _unknown(name, facts)
    if not setting:
        return ok(name, "off", "registers that a driver uses can be mapped beside it")
    return warning(
        name,
        "on",
        "mem and pci targets refuse a page that a driver claims",
        "boot with iomem=relaxed, or unbind that driver",
    )


def _unknown(name: str, facts: Facts) -> Finding:
    sources = f"no /proc/config.gz, no /boot/config-{facts.kernel.release}"
    return ok(name, "unknown", f"{sources}; a refusal would tell")


def iomem(facts: Facts) -> Finding:
    """Judge /proc/iomem: whether the owners of addresses are visible."""
    name, resources = "/proc/iomem", facts.memory.resources
    if not resources:
        return warning(name, "absent", "who claims an address cannot be told", _MOUNT_PROC)
    if not facts.memory.is_listed:
        return warning(
            name,
            "shows only zeros to this user",
            "who claims an address cannot be told",
            "start the container with --cap-add SYS_ADMIN"
            if facts.process.is_root
            else "run doctor as root (sudo)",
        )
    return ok(name, f"{len(resources)} resources", "`regtap doctor ADDRESS` says who claims an address")
