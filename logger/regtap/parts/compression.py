"""Chooses the encoder of parts: the native core, or pyarrow for `--compress zstd`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.trace.arrow import load_arrow

if TYPE_CHECKING:
    from regtap.parts.encoder import OpenEncoder


def encoder_for(compression: str) -> OpenEncoder:
    """Return the function that opens an encoder for each part; all libraries that it needs are loaded.

    Args:
        compression: `none` or `zstd`.

    Raises:
        RefusedError: pyarrow is needed and not installed.
    """
    if compression == "none":
        from regtap.parts.native import NativeEncoder

        return NativeEncoder
    load_arrow(f"--compress {compression}")
    from regtap.parts.parquet import load_arrow_encoder

    return load_arrow_encoder(compression)
