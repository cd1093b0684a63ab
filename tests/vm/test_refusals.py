"""Each refusal of the system has its own cause and remedy."""

from __future__ import annotations

from tests.vm.guest import Run
from tests.vm.judging import assert_refused, values


def test_system_ram_is_protected(refusals: Run) -> None:
    assert_refused(refusals.tried("ram"), "System RAM", "CONFIG_STRICT_DEVMEM", "memmap=SIZE$ADDRESS")


def test_record_refuses_as_read_does_and_makes_no_folder(refusals: Run) -> None:
    assert_refused(refusals.tried("ram-record"), "System RAM", "CONFIG_STRICT_DEVMEM")
    assert not (refusals.files / "ram").exists()


def test_a_driver_that_claims_the_page_is_named(refusals: Run) -> None:
    outcome = refusals.tried("claimed")
    assert_refused(outcome, "'virtio-pci-modern'", "CONFIG_IO_STRICT_DEVMEM", "unbind", "iomem=relaxed")


def test_an_address_beyond_the_physical_width(refusals: Run) -> None:
    assert_refused(
        refusals.tried("beyond"), "0x10000000000", "40-bit physical addresses", "check the address"
    )


def test_misaligned_addresses_are_wrong_input(refusals: Run) -> None:
    assert_refused(refusals.tried("misaligned"), "0xfed000f2", "aligned", "use 0xfed000f0", status=2)
    assert_refused(refusals.tried("misaligned-record"), "0xfed000f4", "aligned", status=2)
    assert not (refusals.files / "misaligned").exists()


def test_an_unprivileged_user_sees_the_mode_bits(refusals: Run) -> None:
    for name in ("user", "user-record"):
        assert_refused(refusals.tried(name), "crw------- root:root", "runs as nobody", "run as root (sudo)")


def test_an_unprivileged_user_sees_the_mode_bits_of_a_bar(refusals: Run) -> None:
    assert_refused(refusals.tried("user-pci"), "/resource0 is -rw------- root:root", "run as root (sudo)")


def test_a_member_of_the_node_s_group_lacks_the_capability(refusals: Run) -> None:
    assert_refused(refusals.tried("kmem"), "CAP_SYS_RAWIO", "run as root (sudo)")


def test_nobody_is_sent_into_a_group_that_would_not_help(refusals: Run) -> None:
    outcome = refusals.tried("kmem-out")
    assert_refused(outcome, "crw-r----- root:", "runs as nobody", "run as root (sudo)")
    assert "join" not in outcome.stderr


def test_root_without_the_capability_is_told_so(refusals: Run) -> None:
    assert_refused(refusals.tried("weak-root"), "CAP_SYS_RAWIO", "--cap-add SYS_RAWIO")


def test_a_kernel_without_dev_mem(refusals: Run) -> None:
    for name in ("no-node", "no-driver"):
        assert_refused(refusals.tried(name), "no /dev/mem", "CONFIG_DEVMEM", "uio:N", "pci:")
    assert refusals.tried("node-back").status == 0


def test_lockdown_is_named(refusals: Run) -> None:
    assert_refused(refusals.tried("lockdown-mem"), "lockdown (integrity)", "Secure Boot")
    assert_refused(refusals.tried("lockdown-pci"), "lockdown (integrity)", "Secure Boot")


def test_iomem_relaxed_opens_what_a_driver_claims(relaxed: Run) -> None:
    for name in ("claimed-mem", "claimed-pci"):
        assert list(values(relaxed.tried(name)).values()) == [0x010000ED]


def test_iomem_relaxed_does_not_open_system_ram(relaxed: Run) -> None:
    assert_refused(relaxed.tried("ram"), "System RAM", "CONFIG_STRICT_DEVMEM")
