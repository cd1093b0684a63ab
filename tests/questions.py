"""The ten questions of analysis/README.md."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[1] / "analysis" / "README.md"
QUESTIONS = dict(
    re.findall(r"^(\d+)\. [^\n]*\n\n```sql\n(.*?)```", README.read_text(), re.DOTALL | re.MULTILINE)
)
