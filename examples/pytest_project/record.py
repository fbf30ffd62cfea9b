"""Record the tapes of this project's tests anew, against a scripted server that stands for the provider."""

import os
import subprocess
import sys
from pathlib import Path

from spantape.testing import ModelServer


def main() -> int:
    with ModelServer() as server:
        environment = {**os.environ, "OPENAI_BASE_URL": server.base_url("openai")}
        command = [sys.executable, "-m", "pytest", "-q", "--tape-mode=record"]
        return subprocess.run(command, cwd=Path(__file__).parent, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
