#!/usr/bin/env python3
"""Cut a small, class-balanced sample out of the full MNIST set.

    python3 examples/data/make_sample.py FOLDER [--out DIR] [--train N] [--test N] [--seed S]

FOLDER holds the four gzipped IDX files of the full set under their usual
names. The sample gets the same four names, so a program that reads one folder
reads the other. Nothing but Python's standard library is needed.

Which digits are taken: for each of the ten classes, N / 10 digits drawn without
replacement; then all of them are put into one shuffled order, so that reading
the file from the front is already a fair minibatch. Pixels and labels are
copied unchanged. Draws come from one generator seeded with "SEED/part", through
`Random.random()` only (Python promises that its values stay the same from
version to version; it does not promise so for `shuffle` and `sample`).

The files are deflated at level 9 with no name and no time in the header. The
same zlib therefore gives the same bytes; another zlib may give other bytes, but
always the same pixels. The script prints a checksum of the uncompressed
content, which is the one to compare.
"""

import argparse
import gzip
import hashlib
import io
import random
import struct
import sys
from pathlib import Path

CLASSES = 10
LABELS_MAGIC = 2049  # unsigned bytes, 1 axis
IMAGES_MAGIC = 2051  # unsigned bytes, 3 axes
LIMIT = 500_000  # bytes of the whole folder; a repository is no place for more


def read_idx(path, magic):
    """The axis lengths and the raw bytes of a gzipped IDX file."""
    content = gzip.decompress(path.read_bytes())
    (found,) = struct.unpack_from(">I", content)
    if found != magic:
        sys.exit(f"{path}: magic number {found}, expected {magic}")
    rank = magic & 0xFF
    shape = struct.unpack_from(f">{rank}I", content, 4)
    body = content[4 + 4 * rank :]
    expected = 1
    for length in shape:
        expected *= length
    if len(body) != expected:
        sys.exit(f"{path}: {len(body)} bytes of data, expected {expected}")
    return shape, body


def idx_bytes(magic, shape, body):
    """An uncompressed IDX file: magic number, axis lengths, data."""
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + body


def deflate(content):
    """`content` as a gzip file that depends on nothing but `content`."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def shuffled(items, rng):
    """A uniformly random order (Fisher and Yates), by `random()` alone."""
    items = list(items)
    for last in range(len(items) - 1, 0, -1):
        other = int(rng.random() * (last + 1))
        items[last], items[other] = items[other], items[last]
    return items


def choose(labels, count, rng):
    """`count` positions in `labels`, equally many of each class, shuffled."""
    if count % CLASSES:
        sys.exit(f"{count} digits cannot be split evenly over {CLASSES} classes")
    each = count // CLASSES
    chosen = []
    for digit in range(CLASSES):
        places = [place for place, label in enumerate(labels) if label == digit]
        if len(places) < each:
            sys.exit(f"class {digit} has {len(places)} digits, {each} are asked for")
        chosen += shuffled(places, rng)[:each]
    return shuffled(chosen, rng)


def sample(folder, out, part, count, seed):
    """Write one part (`train` or `t10k`); return the bytes written."""
    images_name, labels_name = f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"
    (total, rows, columns), images = read_idx(folder / images_name, IMAGES_MAGIC)
    (labelled,), labels = read_idx(folder / labels_name, LABELS_MAGIC)
    if total != labelled:
        sys.exit(f"{part}: {total} images but {labelled} labels")
    chosen = choose(labels, count, random.Random(f"{seed}/{part}"))
    pixels = rows * columns
    kept_images = b"".join(images[i * pixels : (i + 1) * pixels] for i in chosen)
    kept_labels = bytes(labels[i] for i in chosen)
    written = 0
    for name, content in (
        (images_name, idx_bytes(IMAGES_MAGIC, (count, rows, columns), kept_images)),
        (labels_name, idx_bytes(LABELS_MAGIC, (count,), kept_labels)),
    ):
        packed = deflate(content)
        (out / name).write_bytes(packed)
        written += len(packed)
        digest = hashlib.sha256(content).hexdigest()[:16]
        print(f"{name:28} {len(packed):7} bytes, content {len(content):8}, sha256 {digest}")
    return written


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the full set (gzipped IDX)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "mnist-sample")
    parser.add_argument("--train", type=int, default=2_500, help="training digits")
    parser.add_argument("--test", type=int, default=500, help="test digits")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    written = sample(options.folder, options.out, "train", options.train, options.seed)
    written += sample(options.folder, options.out, "t10k", options.test, options.seed)
    print(f"{written} bytes in all")
    if written > LIMIT:
        sys.exit(f"more than {LIMIT} bytes: ask for fewer digits")


if __name__ == "__main__":
    main()
