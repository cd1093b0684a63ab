"""Rules about UIO and PCI devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.doctor.findings import Finding, ok, warning
from regtap.system import iomem
from regtap.units.format import count_of, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.doctor.devices import Bar, PciDevice, UioDevice
    from regtap.doctor.facts import Facts

_LISTED = 6  # more devices than that would push the rest off the screen
_CLAIM_NOTHING = ("uio_pci_generic", "pci-stub")  # neither calls pci_request_regions()
_SUDO = "run as root (sudo)"

# Why a BAR cannot be mapped now, or that it can.
READY = "ready"
NO_PERMISSION = "closed to this user"
DISABLED = "disabled"
ASLEEP = "asleep"
PERHAPS_CLAIMED = "may be claimed by its driver"
CLAIMED = "claimed by its driver"
NO_FILES = "no files"
LOCKED_DOWN = "locked down"

# From what can be mapped to what cannot: a long list is cut at its end.
_REMEDIES = {
    READY: "",
    NO_PERMISSION: _SUDO,
    DISABLED: "as root: echo 1 > /sys/bus/pci/devices/{address}/enable",
    ASLEEP: "as root: echo on > /sys/bus/pci/devices/{address}/power/control",
    PERHAPS_CLAIMED: "unbind a device's driver, or boot with iomem=relaxed, where they are refused",
    CLAIMED: "unbind a device's driver, or boot with iomem=relaxed",
    NO_FILES: "this kernel makes no files to map BARs by: use -t mem, or uio_pci_generic",
    LOCKED_DOWN: "boot without Secure Boot or lockdown=, or bind a UIO driver",
}
_ORDER = list(_REMEDIES)


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return a finding about UIO devices, and one about PCI devices."""
    if not facts.has_sys:
        return tuple(
            warning(
                name,
                "unknown: there is no /sys",
                f"no {name.lower()} target works",
                "mount -t sysfs sysfs /sys",
            )
            for name in ("UIO", "PCI")
        )
    return uio(facts), pci(facts)


def uio(facts: Facts) -> Finding:
    """Which UIO devices there are, and whether their nodes let this process in."""
    if not facts.uio:
        return ok("UIO", "no devices", _how_to_get_uio(facts))
    details = tuple(line for device in facts.uio[:_LISTED] for line in _uio_lines(device))
    details += _rest(len(facts.uio))
    state = count_of(len(facts.uio), "device")
    closed = [device.node.path for device in facts.uio if not device.node.readable]
    if closed:
        meaning = f"closed to user {facts.process.user}: {' '.join(closed[:_LISTED])}"
        return warning("UIO", state, meaning, f"{_SUDO}, or give the nodes a group by a udev rule", details)
    broken = [device.number for device in facts.uio if not all(item.is_mappable for item in device.maps)]
    if broken:
        meaning = f"a map of uio{broken[0]} is not whole pages, so the kernel will not map it"
        remedy = "round address and size to pages in the device tree or the driver"
        return warning("UIO", state, meaning, remedy, details)
    return ok("UIO", state, "reached as uio:N/M", details)


def _how_to_get_uio(facts: Facts) -> str:
    if facts.kernel.is_set("UIO") is False:
        return "this kernel is built without CONFIG_UIO"
    return "bind a device to uio_pdrv_genirq or uio_pci_generic to have one"


def _uio_lines(device: UioDevice) -> list[str]:
    tail = f"{device.node.path} {device.node.description}"
    if not device.maps:
        return [f"uio:{device.number}  {device.name}, no maps; {tail}"]
    return [
        f"uio:{device.number}/{item.number}  {device.name}, {item.name or 'unnamed'} "
        f"{item.first:#x} {format_size(item.size_bytes)}; {tail}"
        for item in device.maps
    ]


def pci(facts: Facts) -> Finding:
    """Judge the PCI devices: their memory BARs, and the number that can be mapped now."""
    if not facts.pci:
        return ok("PCI", "no devices with memory BARs", "no pci targets here")
    conditions = {device.address: condition(device, device.bars, facts) for device in facts.pci}
    ordered = sorted(facts.pci, key=lambda device: _ORDER.index(conditions[device.address]))
    lines = (_pci_line(device, conditions[device.address], facts) for device in ordered[:_LISTED])
    details = (*lines, *_rest(len(ordered)))
    state = f"{count_of(len(facts.pci), 'device')} with memory BARs"
    ready = list(conditions.values()).count(READY)
    meaning = f"{ready} can be mapped now, as pci:ADDRESS/barN"
    if ready:
        return ok("PCI", state, meaning, details)
    remedy = _REMEDIES[conditions[ordered[0].address]].format(address=ordered[0].address)
    return warning("PCI", state, meaning, remedy, details)


def condition(device: PciDevice, bars: Sequence[Bar], facts: Facts) -> str:
    """Return the condition of a device: READY, or the obstacle to mapping its BARs."""
    obstacles = {
        LOCKED_DOWN: facts.kernel.lockdown != "none",
        DISABLED: not device.enabled,
        ASLEEP: device.asleep,
        NO_FILES: not device.has_files,
    }
    met = next((text for text, holds in obstacles.items() if holds), None)
    return met or _claim(device, bars, facts) or (READY if device.readable else NO_PERMISSION)


def _claim(device: PciDevice, bars: Sequence[Bar], facts: Facts) -> str | None:
    if not may_claim(device, facts):
        return None
    if not facts.memory.is_listed:
        return PERHAPS_CLAIMED
    if not all(claimant(bar, device, facts) for bar in bars):
        return None
    return CLAIMED if facts.kernel.protects_claims else PERHAPS_CLAIMED


def may_claim(device: PciDevice, facts: Facts) -> bool:
    """Return whether the driver of a device may claim the BARs, and make the kernel refuse other mappings."""
    if device.driver is None or device.driver in _CLAIM_NOTHING:
        return False
    return facts.kernel.protects_claims is not False


def claimant(bar: Bar, device: PciDevice, facts: Facts) -> str | None:
    """Return the name of the driver inside a BAR in /proc/iomem, or None."""
    owners = iomem.owning_resources(facts.memory.resources, bar.first, bar.first + bar.size_bytes)
    names = [owner.name for owner in owners]
    inside = names[names.index(device.address) + 1 :] if device.address in names else []
    return inside[-1] if inside else None


def _pci_line(device: PciDevice, text: str, facts: Facts) -> str:
    bars = "  ".join(_bar_text(bar, device, facts) for bar in device.bars)
    return f"pci:{device.address}  {device.ids}  {device.driver or 'no driver'}, {text}: {bars}"


def _bar_text(bar: Bar, device: PciDevice, facts: Facts) -> str:
    owner = claimant(bar, device, facts)
    return f"bar{bar.number} {bar.first:#x} {format_size(bar.size_bytes)}" + (f" ({owner})" if owner else "")


def _rest(number: int) -> tuple[str, ...]:
    return (f"and {number - _LISTED} more (`regtap doctor --json` has them all)",) if number > _LISTED else ()
