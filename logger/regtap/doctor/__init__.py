"""The diagnosis of `regtap doctor`: facts, gathered as plain data, and rules to judge them.

facts and devices say what there is, gather and attempts look, the rules judge without looking again, screen
lays out what they found.
"""

from __future__ import annotations
