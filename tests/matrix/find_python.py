"""Print where a Python of a version such as 3.10 is: on PATH, or beside this one, as pyenv keeps them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

wanted = sys.argv[1]
beside = sorted(Path(sys.base_prefix).parent.glob(f"{wanted}.*/bin/python"))
for candidate in (shutil.which(f"python{wanted}"), *reversed(beside)):
    if candidate is None:
        continue
    works = subprocess.run([candidate, "-c", "import venv, ensurepip"], capture_output=True, check=False)
    if works.returncode == 0:
        print(candidate)
        break
