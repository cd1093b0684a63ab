from __future__ import annotations

import pytest

from regtap import errors
from regtap.errors import BusFaultError, FaultError, InputError, RefusedError, RegtapError, StorageError


def _tree() -> list[type[BaseException]]:
    return [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BaseException)
    ]


def test_every_error_belongs_to_the_tree_that_is_drawn() -> None:
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in _tree() if kind.__name__ not in drawn] == []
    assert all(issubclass(kind, RegtapError) for kind in _tree())


def test_every_error_but_the_root_has_one_exit_code() -> None:
    branches = (InputError, RefusedError, FaultError)
    for kind in _tree():
        if kind is not RegtapError:
            assert sum(issubclass(kind, branch) for branch in branches) == 1


def test_a_refusal_says_cause_and_remedy() -> None:
    error = RefusedError("no /dev/mem", remedy="use uio", errno=2)
    assert (str(error), error.cause, error.remedy, error.errno) == (
        "no /dev/mem; use uio",
        "no /dev/mem",
        "use uio",
        2,
    )


@pytest.mark.parametrize(("index", "text"), [(0, "answering"), (17, "answering at sample 17")])
def test_a_bus_fault_names_register_address_and_sample(index: int, text: str) -> None:
    error = BusFaultError("STATUS", 0xFED00000, index)
    assert str(error) == f"bus error: register STATUS at 0xfed00000 stopped {text}"
    assert (error.register, error.address, error.index) == ("STATUS", 0xFED00000, index)


def test_a_storage_error_carries_its_path() -> None:
    error = StorageError("disk full", path="run1", errno=28)
    assert (error.path, error.errno) == ("run1", 28)
