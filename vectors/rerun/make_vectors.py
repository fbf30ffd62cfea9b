# ruff: noqa: INP001 - a script beside what it makes
"""Make the vectors of rerun bundles beside this file: `python vectors/rerun/make_vectors.py [DIRECTORY]`.

The same bytes come out each time: keys are fixed, and Ed25519 signs without chance.
"""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from cases import canonical, capturing, extension, outputs, schema, texts, trust, v01  # noqa: E402 - found beside this file
from cases.common import OTHER, REVIEWER, SIGNER, pretty  # noqa: E402


def files() -> dict[str, bytes]:
    """Every file by its path from here."""
    made = {f"keys/{name}": data for name, data in keys().items()}
    made["canonical.json"] = canonical.lines()
    sets = {
        "v0.1": chain(v01.cases(), outputs.cases(), texts.cases(), schema.cases()),
        "trust": trust.cases(),
        "extension": extension.cases(),
        "capture": capturing.cases(),
    }
    for folder, cases in sets.items():
        for case in cases:
            place = f"{folder}/{case.name}"
            if f"{place}/expected.json" in made:
                raise ValueError(f"two cases are called {place}")
            made |= {f"{place}/{name}": data for name, data in case.files.items()}
            made[f"{place}/expected.json"] = pretty(case.expected())
    return made


def keys() -> dict[str, bytes]:
    """The signer's key in every form, the other's, and a file of many."""
    public = SIGNER.public
    many = [
        "# who may sign\n",
        OTHER.public.to_text("openssh", "other"),
        f"signer@example.com {public.to_text('openssh')}",
        REVIEWER.public.to_text("openssh", "reviewer"),
    ]
    texts = {
        "signer.key.json": SIGNER.to_text("rerun"),
        "signer.pub.json": public.to_text("rerun"),
        "signer.pub.pem": public.to_text("pem"),
        "signer.pub.openssh": public.to_text("openssh", "signer"),
        "signer.pub.base64": public.to_text("raw"),
        "other.pub.pem": OTHER.public.to_text("pem"),
        "many.authorized_keys": "".join(many),
    }
    return {name: text.encode() for name, text in texts.items()}


def main(directory: Path) -> None:
    """Write them below `directory`."""
    for name, data in files().items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
