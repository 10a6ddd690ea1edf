"""Prints the Markdown table of the training photographs' authors and licences for the model card.

    python training/credits.py

The licence column of `pool.tsv` reads "licence (author)" where the package names an author for the picture.
"""

import csv
import re
from collections import defaultdict
from pathlib import Path


def main() -> None:
    groups = defaultdict(list)
    with (Path(__file__).resolve().parent / "pool.tsv").open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            licence, author = re.fullmatch(r"(.*?)(?: \((.*)\))?", row["licence"].removesuffix(", grey")).groups()
            package = re.sub(r"wheel ([^-]+)-.*", r"\1 (wheel)", row["package"])
            groups[licence, package].append((author, Path(row["path_in_package"].split("!/edje")[0]).name))
    print("| licence | package | photographs (author: files) |")
    print("|---|---|---|")
    for (licence, package), entries in sorted(groups.items(), key=lambda item: item[0][0].lower()):
        if re.match(r"CC-BY|G?N?U?-?FDL", licence):  # attribution asked: name each file
            by_author = defaultdict(list)
            for author, name in entries:
                by_author[author].append(name)
            detail = "; ".join(f"{author}: {', '.join(names)}" for author, names in by_author.items())
        else:
            authors = sorted({author for author, _ in entries if author})
            detail = f"{len(entries)} files" + (f": {', '.join(authors)}" if authors else "")
        print(f"| {licence} | {package} | {detail} |")


if __name__ == "__main__":
    main()
