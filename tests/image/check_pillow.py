#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The front end against Pillow: resize and crop of RGB within 1/255, JPEG at full scale on every photo, and
a table of what the scaled DCT changes. Usage: check_pillow.py FRONTEND_DUMP [PHOTOS_FOLDER [--table]]
TAP on standard output; without --table a quarter of the photos is taken."""
import math
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from PIL import Image, ImageOps
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

RGB, GRAY8, JPEG = 1, 11, 26
STRETCH, CENTER_CROP = 1, 2
FILTERS = (Image.BILINEAR, Image.BICUBIC)


def dump(tool, size, jobs):
    """Runs jobs (format, width, height, mode, filter, crop_pct, squash, how, file) -> [n,size,size,3]"""
    lines = "".join("{} {} {} {} {} {} {} {} {} {}\n".format(*j[:3], size, *j[3:]) for j in jobs)
    done = subprocess.run([tool], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, np.float32).reshape(len(jobs), size, size, 3) * 255


def resize(image, size, resample):
    """Lines first, then columns, with bytes between: Pillow 13 takes the order that is quicker, others always this."""
    return image.resize((size[0], image.height), resample).resize(size, resample)


def centre_crop(image, size, pct, resample):
    """torchvision's Resize (shorter side) + CenterCrop, by hand"""
    short = math.floor(size / pct)
    w, h = image.size
    w, h = (short, int(short * h / w)) if w <= h else (int(short * w / h), short)
    left, top = int(round((w - size) / 2.0)), int(round((h - size) / 2.0))
    return resize(image, (w, h), resample).crop((left, top, left + size, top + size))


def pixels(image):
    return np.asarray(image.convert("RGB"), np.float32)


def raw_cases(folder):
    """(name, job, expected) on noise and on edges that make bicubic overshoot"""
    rng = np.random.default_rng(1)
    for w, h in ((1, 1), (2, 3), (31, 17), (223, 225), (500, 375), (333, 500), (1280, 720), (96, 1100)):
        noise = rng.integers(0, 256, (h, w, 3), np.uint8)
        y, x = np.mgrid[:h, :w]
        board = np.repeat((((x // 3 + y // 5) % 2) * 255).astype(np.uint8)[..., None], 3, 2)
        for kind, data in (("noise", noise), ("edges", board)):
            path = os.path.join(folder, f"{kind}-{w}x{h}.rgb")
            data.tofile(path)
            image = Image.fromarray(data)
            for f in (0, 1):
                for pct in (0.875, 0.9, 1.0):
                    yield (f"{kind} {w}x{h} filter {f} centre-crop {pct}",
                           (RGB, w, h, CENTER_CROP, f, pct, 0, 0, path),
                           lambda s, i=image, p=pct, f=f: centre_crop(i, s, p, FILTERS[f]))
                yield (f"{kind} {w}x{h} filter {f} stretch",
                       (RGB, w, h, STRETCH, f, 1.0, 0, 0, path),
                       lambda s, i=image, f=f: resize(i, (s, s), FILTERS[f]))


def check_raw(tool, folder, size):
    cases = list(raw_cases(folder))
    worst, mean = 0, 0
    for (name, _, want), got in zip(cases, dump(tool, size, [c[1] for c in cases])):
        off = np.abs(got - pixels(want(size)))
        if off.max() > 1.001:
            print(f"# {name}, size {size}: {off.max():.3f}/255 off")
        worst, mean = max(worst, off.max()), max(mean, off.mean())
    print(f"# raw, size {size}: {len(cases)} cases, worst pixel {worst:.3f}/255, worst mean {mean:.3f}/255")
    return bool(worst <= 1.001 and mean < 0.5)


def check_photos(tool, photos, size, f):
    full = dump(tool, size, [(JPEG, 0, 0, CENTER_CROP, f, 0.875, 0, 1, p) for p in photos])
    scaled = dump(tool, size, [(JPEG, 0, 0, CENTER_CROP, f, 0.875, 0, 0, p) for p in photos])
    means, offs = [], []
    for path, a, b in zip(photos, full, scaled):
        with Image.open(path) as image:
            want = pixels(centre_crop(ImageOps.exif_transpose(image).convert("RGB"), size, 0.875, FILTERS[f]))
        means.append(np.abs(a - want).mean())
        offs.append(np.abs(b - want))
        if means[-1] >= 0.5:
            print(f"# {path}: mean {means[-1]:.3f}/255 off at full scale")
    print(f"# {len(photos)} photos to {size}, {'bicubic' if f else 'bilinear'}: full scale mean "
          f"{np.mean(means):.3f} worst {np.max(means):.3f}; scaled DCT mean {np.mean(offs):.3f} "
          f"p99 {np.percentile(np.stack(offs), 99):.1f} worst mean {max(o.mean() for o in offs):.3f} (of 255)")
    return bool(max(means) < 0.5)


def check_orientations(tool, folder, size):
    """Pictures without symmetry, stored in each of Exif's ways; also as XMP says it"""
    paths, wants = [], []
    for w, h in ((320, 200), (200, 320)):
        y, x = np.mgrid[:h, :w]
        image = Image.fromarray(np.stack([x * 255 // w, y * 255 // h, (x + 2 * y) % 256], 2).astype(np.uint8))
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x112] = orientation
            xmp = f'<x:xmpmeta><rdf:RDF><d tiff:Orientation="{orientation}"/></rdf:RDF></x:xmpmeta>'.encode()
            segment = b"http://ns.adobe.com/xap/1.0/\0" + xmp
            for kind in ("exif", "xmp"):
                paths.append(os.path.join(folder, f"{kind}-{w}-{orientation}.jpg"))
                image.save(paths[-1], quality=95, subsampling=0, **({"exif": exif} if kind == "exif" else {}))
                if kind == "xmp":
                    with open(paths[-1], "rb") as file:
                        data = file.read()
                    with open(paths[-1], "wb") as file:
                        file.write(data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:])
                stored = Image.open(paths[-1])
                if kind == "xmp":  # not every Pillow reads it there
                    stored.getexif()[0x112] = orientation
                wants.append(pixels(centre_crop(ImageOps.exif_transpose(stored).convert("RGB"), size, 0.875,
                                                Image.BILINEAR)))
    got = dump(tool, size, [(JPEG, 0, 0, CENTER_CROP, 0, 0.875, 0, 1, p) for p in paths])
    off = [np.abs(a - b).max() for a, b in zip(got, wants)]
    print(f"# {len(off)} pictures: worst pixel {max(off):.3f}/255")
    return bool(max(off) <= 2)


def check_cmyk(tool, folder, size):
    y, x = np.mgrid[:200, :300]
    ink = np.stack([x * 255 // 300, y * 255 // 200, (x + y) % 256, (x * y) % 97], 2).astype(np.uint8)
    path = os.path.join(folder, "cmyk.jpg")
    Image.fromarray(ink, "CMYK").save(path, quality=95)
    with Image.open(path) as image:
        want = pixels(centre_crop(image.convert("RGB"), size, 0.875, Image.BICUBIC))
    off = np.abs(dump(tool, size, [(JPEG, 0, 0, CENTER_CROP, 1, 0.875, 0, 1, path)])[0] - want)
    # Where nothing is resized colours are Pillow's to the bit.
    rng = np.random.default_rng(2)
    Image.fromarray(rng.integers(0, 256, (size, size, 4), np.uint8), "CMYK").save(path, quality=100)
    with Image.open(path) as image:
        want = pixels(image)
    same = np.abs(dump(tool, size, [(JPEG, 0, 0, STRETCH, 1, 1.0, 0, 1, path)])[0] - want)
    print(f"# CMYK: worst pixel {off.max():.3f}/255, not resized {same.max():.4f}/255")
    return bool(off.max() <= 1.001 and same.max() <= 0.01)


def main():
    tool, folder = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    table = "--table" in sys.argv
    photos = sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.upper().endswith("JPEG")) \
        if os.path.isdir(folder) else []
    if not table:
        photos = photos[::4]
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for size in (64, 224):
            results.append((f"RGB to {size} equals Pillow within 1/255", check_raw(tool, scratch, size)))
        results.append(("CMYK as Pillow's convert('RGB')", check_cmyk(tool, scratch, 224)))
        results.append(("every orientation as Pillow's exif_transpose", check_orientations(tool, scratch, 64)))
    for size, f in ((224, 0), (224, 1), (380, 1)) if table else ((224, 1),):
        name = f"JPEG at full scale to {size}, filter {f}: mean under 0.5/255 on each photo"
        results.append((name, check_photos(tool, photos, size, f) if photos else None))
    print(f"1..{len(results)}")
    for i, (name, good) in enumerate(results, 1):
        print(f"{'not ok' if good is False else 'ok'} {i} {name}{' # SKIP no photos' if good is None else ''}")
    return any(good is False for _, good in results)


sys.exit(main())
