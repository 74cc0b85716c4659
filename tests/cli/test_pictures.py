# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet preprocess against Pillow, and pictures that must be turned."""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time
import zlib

import numpy as np
from PIL import Image, ImageOps, ImageSequence
from tool import EXE, MEDIA, MODEL, Skip, effnet, failure, main, test

MEAN, STD = 127.0 / 255, 128.0 / 255  # of models/lite0/config.json


def preprocess_all(paths, *arguments):
    """The network's input of each in units of 0..255."""
    effnet("preprocess", *paths, "--model", MODEL, "--output", "x.npy", *arguments)
    x = np.load("x.npy")
    assert x.shape == (len(paths), 224, 224, 3) and x.dtype == np.float32, x.shape
    return (x.astype(float) * STD + MEAN) * 255


def preprocess(path, *arguments):
    return preprocess_all([path], *arguments)[0]


def pillow(image):
    """Shorter side to 256, bicubic, middle 224: what the card says."""
    image = image.convert("RGB")
    w, h = image.size
    scale = 256 / min(w, h)
    size = (256, int(256 * h / w)) if w <= h else (int(256 * w / h), 256)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    assert scale > 0
    return np.asarray(image.crop((left, top, left + 224, top + 224))).astype(float)


@test
def jpeg_at_full_scale():
    """JPEG at full scale against Pillow: mean difference under 0.5 of 255"""
    for name in ("cat.jpg", "coffee.jpg"):
        ours = preprocess(MEDIA / name, "--full-scale")
        difference = np.abs(ours - pillow(Image.open(MEDIA / name)))
        assert difference.mean() < 0.5, (name, difference.mean())


@test
def png():
    """PNG through GStreamer against Pillow: mean difference under 0.5 of 255"""
    for mode in ("RGB", "L", "RGBA", "P"):
        image = Image.open(MEDIA / "coffee.jpg").convert(mode)
        image.save("a.png")
        difference = np.abs(preprocess("a.png") - pillow(image))
        assert difference.mean() < 0.5, (mode, difference.mean())


@test
def kinds():
    """every kind of picture against Pillow: mean difference under 0.5 of 255"""
    image = Image.open(MEDIA / "coffee.jpg").convert("RGB")
    for name, mode, options in (("a.bmp", "RGB", {}), ("a.bmp", "L", {}), ("a.bmp", "P", {}), ("a.tif", "RGB", {}),
                                ("a.tif", "L", {}), ("a.tif", "RGB", {"compression": "tiff_lzw"}),
                                ("a.tif", "CMYK", {}), ("a.tif", "RGB", {"compression": "tiff_deflate"}),
                                ("a.gif", "P", {}), ("a.webp", "RGB", {"lossless": True}), ("a.webp", "RGB", {}),
                                ("a.webp", "RGBA", {"lossless": True}), ("a.ppm", "RGB", {}), ("a.pgm", "L", {})):
        image.convert(mode).save(name, **options)
        difference = np.abs(preprocess(name) - pillow(Image.open(name)))
        assert difference.mean() < (0.5 if mode != "CMYK" else 2), (name, mode, options, difference.mean())


def png16(name, channels, pixels):
    """A PNG of 16 bits a channel, written here: its low bytes are noise."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    low = np.random.default_rng(1).integers(0, 256, pixels.shape, dtype=np.uint8)
    rows = np.stack([pixels, low], -1).reshape(pixels.shape[0], -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, kind, 0, 0, 0)
    with open(name, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        for tag, body in ((b"IHDR", head), (b"IDAT", data), (b"IEND", b"")):
            f.write(struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body)))


@test
def deep_png():
    """a PNG of 16 bits a channel has the colours of one of 8"""
    image = Image.open(MEDIA / "coffee.jpg")
    for mode in ("L", "LA", "RGB", "RGBA"):
        pixels = np.asarray(image.convert(mode))
        png16("a.png", len(mode), pixels.reshape(*pixels.shape[:2], -1))
        difference = np.abs(preprocess("a.png") - pillow(image.convert(mode)))
        assert difference.mean() < 1, (mode, difference.mean())


@test
def first_of_many():
    """of a picture that moves the first frame is taken, and the end is reached"""
    frames = [Image.open(MEDIA / name).convert("P").resize((300, 200)) for name in ("coffee.jpg", "cat.jpg")]
    frames[0].save("two.gif", save_all=True, append_images=frames[1:], loop=0)
    frames[0].convert("RGB").save("two.tif", save_all=True, append_images=frames[1:])
    data = pathlib.Path("two.gif").read_bytes()
    pathlib.Path("open.gif").write_bytes(data[:-1])
    for mode, options in (("RGB", {"lossless": True}), ("RGB", {}), ("RGBA", {"lossless": True})):
        name = f"two-{mode}-{len(options)}.webp"
        frames[0].convert(mode).save(name, save_all=True, append_images=[frame.convert(mode) for frame in frames[1:]],
                                     **options)
        difference = np.abs(preprocess(name) - pillow(Image.open(name)))
        assert difference.mean() < 1, (name, difference.mean())
    for name in ("two.gif", "two.tif", "open.gif"):
        difference = np.abs(preprocess(name) - pillow(frames[0]))
        assert difference.mean() < 1, (name, difference.mean())


def moving():
    """Frames that are parts of the picture, some of them transparent in part."""
    base, cat = (Image.open(MEDIA / name).convert("RGBA").resize((300, 200)) for name in ("coffee.jpg", "cat.jpg"))
    frames = [base]
    for i in range(3):
        frame = base.copy()
        frame.paste(cat.resize((60, 50)), (20 + 70 * i, 30))
        frames.append(frame)
    alone = []
    for i in range(3):
        frame = Image.new("RGBA", (300, 200))
        frame.paste(cat.resize((100, 100)), (20 + 70 * i, 30))
        alone.append(frame)
    return frames, alone


@test
def all_frames():
    """--all-frames: each page and frame is that of Pillow, parts drawn over what was there before"""
    frames, alone = moving()
    pages = [frame.convert("RGB").resize(size) for frame, size in zip(frames, ((300, 200), (200, 300), (260, 260)))]
    pages[0].save("pages.tif", save_all=True, append_images=pages[1:])
    names = ["pages.tif"]
    for frames_, name in ((frames, "parts"), (alone, "alone")):
        for disposal in (0, 2, 3):
            names.append(f"{name}{disposal}.gif")
            first, *others = [frame.convert("P") if name == "parts" else frame for frame in frames_]
            first.save(names[-1], save_all=True, append_images=others, duration=[100, 200, 300, 400][:len(frames_)], loop=0,
                       disposal=disposal)
        for options in ({"lossless": True}, {"lossless": True, "minimize_size": True}, {"quality": 90}):
            names.append(f"{name}{len(names)}.webp")
            frames_[0].save(names[-1], save_all=True, append_images=frames_[1:], duration=100, **options)
    for name in names:
        effnet("preprocess", "--all-frames", name, "--model", MODEL, "--output", "x.npy")
        x = (np.load("x.npy").astype(float) * STD + MEAN) * 255
        expected = []
        for frame in ImageSequence.Iterator(Image.open(name)):
            frame = frame.convert("RGBA")
            expected.append(pillow(Image.alpha_composite(Image.new("RGBA", frame.size, (0, 0, 0, 255)), frame)))
        assert len(x) == len(expected), (name, len(x), len(expected))
        for i, (found, right) in enumerate(zip(x, expected)):
            assert np.abs(found - right).mean() < 1, (name, i, np.abs(found - right).mean())
    rows = [json.loads(line) for line in
            effnet("classify", "--json", "-k1", "-a", "parts0.gif", "pages.tif", "--model", MODEL).out.splitlines()]
    assert [row["frame"] for row in rows] == [0, 1, 2, 3, 0, 1, 2]
    assert [row["pts_ns"] for row in rows] == [0, 100000000, 300000000, 600000000, None, None, None]


@test
def hostile_parts():
    """parts that lie, go in circles or end early: a sentence, or fewer frames"""
    frames, _ = moving()
    frames[0].save("a.webp", save_all=True, append_images=frames[1:], lossless=True)
    data = bytearray(pathlib.Path("a.webp").read_bytes())
    second = data.index(b"ANMF", data.index(b"ANMF") + 4)
    data[second + 8:second + 11] = b"\xff\xff\x00"
    pathlib.Path("outside.webp").write_bytes(data)
    failure("preprocess", "-a", "outside.webp", "--model", MODEL, "--output", "x.npy", says=["outside.webp", "past the picture"])
    frames[0].convert("RGB").save("a.tif", save_all=True, append_images=[frames[1].convert("RGB")])
    data = bytearray(pathlib.Path("a.tif").read_bytes())
    first, = struct.unpack_from("<I", data, 4)
    n, = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * n, first)
    pathlib.Path("circle.tif").write_bytes(data)
    done = effnet("classify", "--json", "-a", "circle.tif", "--model", MODEL)
    assert done.out.count("\n") == 1, done.out
    frames[0].convert("P").save("a.gif", save_all=True, append_images=[frames[1].convert("P")])
    data = pathlib.Path("a.gif").read_bytes()
    for n in range(len(data) // 2, len(data), len(data) // 11):
        pathlib.Path("cut.gif").write_bytes(data[:n])
        done = subprocess.run([EXE, "classify", "-a", "cut.gif", "--model", MODEL], timeout=60, capture_output=True, check=False)
        assert done.returncode in (0, 1), (n, done)


@test
def icons_and_jpeg_2000():
    """ICO: its largest picture, PNG or bitmap; JPEG 2000 as file and as codestream; other colours are refused"""
    image = Image.open(MEDIA / "coffee.jpg").convert("RGB")
    image.resize((128, 128)).save("png.ico", sizes=[(32, 32), (128, 128), (64, 64)])
    image.resize((96, 96)).save("bmp.ico", sizes=[(96, 96), (48, 48)], bitmap_format="bmp")
    for mode in ("RGB", "L"):
        image.convert(mode).save(f"{mode}.jp2")
        image.convert(mode).save(f"{mode}.j2k")
    for name in ("png.ico", "bmp.ico", "RGB.jp2", "RGB.j2k", "L.jp2", "L.j2k"):
        difference = np.abs(preprocess(name) - pillow(Image.open(name)))
        assert difference.mean() < 1, (name, difference.mean())
    data = pathlib.Path("RGB.jp2").read_bytes()
    at = data.index(b"colr\1") + 7
    pathlib.Path("ycc.jp2").write_bytes(data[:at] + struct.pack(">I", 18) + data[at + 4:])
    failure("preprocess", "ycc.jp2", "--output", "out.npy", says=["ycc.jp2", "image/jp2"])


@test
def other_sizes():
    """odd, tall and tiny pictures agree with Pillow too"""
    source = Image.open(MEDIA / "cat.jpg")
    for size in ((301, 613), (613, 301), (257, 255), (33, 35), (7, 5)):
        image = source.resize(size)
        image.save("a.png")
        difference = np.abs(preprocess("a.png") - pillow(image))
        assert difference.mean() < 0.5, (size, difference.mean())


@test
def orientation():
    """EXIF orientations 1..8: a stored-turned JPEG equals the upright one"""
    turns = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
             4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
             6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
             8: Image.Transpose.ROTATE_270}
    upright = Image.open(MEDIA / "coffee.jpg")
    expected = pillow(upright)
    for orientation in range(1, 9):
        turn = turns.get(orientation)
        stored = upright.transpose(turn) if turn is not None else upright
        exif = Image.Exif()
        exif[0x112] = orientation
        stored.save("turned.jpg", quality=98, subsampling=0, exif=exif)
        difference = np.abs(preprocess("turned.jpg", "--full-scale") - expected)
        assert difference.mean() < 2, (orientation, difference.mean())


@test
def orientation_elsewhere():
    """the orientation that PNG, WebP and TIFF carry is obeyed as Pillow obeys it"""
    upright = Image.open(MEDIA / "coffee.jpg")
    for name, options in (("o.png", {}), ("o.webp", {"lossless": True}), ("o.tif", {})):
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x112] = orientation
            upright.save(name, exif=exif, **options)
            if name == "o.tif":
                upright.save(name, tiffinfo={0x112: orientation})
            opened = Image.open(name)
            # Pillow sets TIFF upright when it reads it.
            expected = pillow(opened.copy() if name == "o.tif" else ImageOps.exif_transpose(opened))
            difference = np.abs(preprocess(name) - expected)
            assert difference.mean() < 1, (name, orientation, difference.mean())


@test
def orientation_in_xmp():
    """where Exif says nothing of it, XMP's orientation counts in PNG, WebP and TIFF as in JPEG"""
    upright = Image.open(MEDIA / "coffee.jpg")
    for orientation, turn in ((1, None), (3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_270)):
        expected = pillow(upright if turn is None else upright.transpose(turn))
        for form in ('<x tiff:Orientation="%d"/>', "<tiff:Orientation>%d</tiff:Orientation>"):
            text = (form % orientation).encode()
            upright.save("x.webp", lossless=True, xmp=text)
            upright.save("x.tif", tiffinfo={700: text})
            upright.save("x.png")
            data = pathlib.Path("x.png").read_bytes()
            body = b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + text
            pathlib.Path("x.png").write_bytes(data[:33] + struct.pack(">I", len(body) - 4) + body +
                                              struct.pack(">I", zlib.crc32(body)) + data[33:])
            for name in ("x.png", "x.webp", "x.tif"):
                difference = np.abs(preprocess(name) - expected)
                assert difference.mean() < 1, (name, text, difference.mean())


def png_with(name, kind, body):
    """coffee.jpg as a PNG with one more chunk."""
    Image.open(MEDIA / "coffee.jpg").save(name)
    data, chunk = pathlib.Path(name).read_bytes(), kind + body
    pathlib.Path(name).write_bytes(data[:33] + struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:])


@test
def orientation_in_text():
    """the Exif that ImageMagick writes as a text of PNG, packed or not, is obeyed; a broken one is passed over"""
    upright = Image.open(MEDIA / "coffee.jpg")
    exif = Image.Exif()
    exif[0x112] = 6
    digits = exif.tobytes().hex().encode()
    text = b"\nexif\n%8d\n" % (len(digits) // 2) + b"\n".join(digits[i:i + 72] for i in range(0, len(digits), 72)) + b"\n"
    right, turned = pillow(upright), pillow(upright.transpose(Image.Transpose.ROTATE_270))
    for kind, body, expected in ((b"tEXt", b"Raw profile type exif\0" + text, turned),
                                 (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text), turned),
                                 (b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(text), turned),
                                 (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)[:20], right),
                                 (b"zTXt", b"Raw profile type exif\0\0", right), (b"tEXt", b"Raw profile type exif\0", right),
                                 (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(9 << 20)), right),
                                 (b"tEXt", b"Raw profile type iptc\0" + text, right), (b"tEXt", b"x", right)):
        png_with("text.png", kind, body)
        difference = np.abs(preprocess("text.png") - expected)
        assert difference.mean() < 1, (kind, body[:30], difference.mean())


@test
def what_pillow_sees():
    """colours of what is transparent, scans that never come, bytes before a marker; BigTIFF by its name"""
    image = Image.open(MEDIA / "coffee.jpg").convert("RGB").resize((300, 240))
    image.quantize(64).save("hole.gif", transparency=3)
    image.save("full.jpg", progressive=True, quality=92)
    data = pathlib.Path("full.jpg").read_bytes()
    scans = [i for i in range(len(data) - 1) if data[i:i + 2] == b"\xff\xda"]
    for name, content in (("dc.jpg", data[:scans[1]] + b"\xff\xd9"), ("half.jpg", data[:scans[4]] + b"\xff\xd9")):
        pathlib.Path(name).write_bytes(content)
    for name in ("hole.gif", "dc.jpg", "half.jpg"):
        difference = np.abs(preprocess(name, "--full-scale") - pillow(Image.open(name)))
        assert difference.mean() < 0.5, (name, difference.mean())
    pathlib.Path("gap.jpg").write_bytes(data[:2] + b"\0\0" + data[2:])
    assert np.array_equal(preprocess("gap.jpg"), preprocess("full.jpg"))
    pathlib.Path("big.tif").write_bytes(b"II+\0\x08\0\0\0" + bytes(64))
    failure("preprocess", "big.tif", "--model", MODEL, "--output", "no.npy", says=["big.tif", "image/x-bigtiff", "convert"])


@test
def damaged_gif():
    """a GIF whose codes are damaged, of which Pillow reads no whole picture, is a failure; sound ones of all kinds are not"""
    image, rng = Image.open(MEDIA / "coffee.jpg").resize((150, 110)), np.random.default_rng(4)
    for colours, interlace in ((2, 0), (3, 1), (37, 1), (256, 0)):
        image.quantize(colours).save("sound.gif", interlace=interlace)
        assert np.abs(preprocess("sound.gif") - pillow(Image.open("sound.gif"))).mean() < 1, colours
    data, refused = pathlib.Path("sound.gif").read_bytes(), 0
    for i in range(8):
        damaged, at = bytearray(data), int(rng.integers(900, len(data) - 900))
        damaged[at:at + 30 * (i % 2) + 1] = bytes(30 * (i % 2) + 1)
        pathlib.Path("damaged.gif").write_bytes(damaged)
        try:
            Image.open("damaged.gif").load()
        except (OSError, SyntaxError):
            refused += 1
            failure("preprocess", "damaged.gif", "--model", MODEL, "--output", "no.npy", says=["damaged.gif"])
    assert refused > 3, refused


@test
def heif_and_avif():
    """HEIF and AVIF as libheif's and libavif's own programs write them, where gdk-pixbuf has loaders for them; damaged ones"""
    image = Image.open(MEDIA / "coffee.jpg").convert("RGB").resize((300, 240))
    image.save("still.png")
    turns = {"--irot 1": Image.Transpose.ROTATE_90, "--imir 1": Image.Transpose.FLIP_LEFT_RIGHT, "": None}
    made = [(f"still{i}.avif", turn, f"avifenc --lossless {words} still.png still{i}.avif")
            for i, (words, turn) in enumerate(turns.items())] + [("still.heic", None, "heif-enc -q 95 still.png -o still.heic")]
    seen = 0
    for name, turn, words in made:
        if shutil.which(words.split()[0]) is None or subprocess.run(words.split(), capture_output=True, check=False).returncode:
            continue
        done = effnet("preprocess", name, "--model", MODEL, "--output", "x.npy", code=None)
        if done.returncode:  # no loader
            assert "install" in done.err and done.err.count("\n") == 1, done.err
            continue
        seen += 1
        difference = np.abs(preprocess(name) - pillow(image.transpose(turn) if turn is not None else image))
        assert difference.mean() < 3, (name, difference.mean())
        data = pathlib.Path(name).read_bytes()
        pathlib.Path("cut-" + name).write_bytes(data[:len(data) * 2 // 3])
        failure("preprocess", "cut-" + name, "--model", MODEL, "--output", "no.npy", says=["cut-" + name, "damaged"])
    if not seen:
        raise Skip("no libavif-bin with libavif-gdk-pixbuf, no libheif-examples with heif-gdk-pixbuf")


def tiff(name, bits, sample_format, data, compression=1):
    """A grey TIFF of 60 x 40 pixels, written here: Pillow writes few of these."""
    entries = [(256, 60), (257, 40), (258, bits), (259, compression), (262, 1), (273, 8), (277, 1), (278, 40), (279, len(data)),
               (339, sample_format)]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    pathlib.Path(name).write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + bytes(4))


@test
def tiffs_that_are_not_decoded():
    """a TIFF of floating point, of 12 or 32 bits, damaged or packed in a strange way is a failure, not a black picture"""
    grey = np.linspace(0, 255, 2400).astype(np.uint8)
    tiff("sound.tif", 8, 1, grey.tobytes())
    tiff("deep.tif", 16, 1, (grey.astype("<u2") * 257).tobytes())
    for name in ("sound.tif", "deep.tif"):
        assert preprocess(name).std() > 20, name
    for bits, kind, data in ((32, 3, (grey / 255).astype("<f4")), (16, 3, (grey / 255).astype("<f2")),
                             (64, 3, (grey / 255).astype("<f8")), (32, 1, grey.astype("<u4") << 24), (12, 1, grey.repeat(2)),
                             (8, 2, (grey.astype(int) - 128).astype("i1")), (24, 1, grey.repeat(3))):
        tiff("odd.tif", bits, kind, data.tobytes())
        failure("preprocess", "odd.tif", "--model", MODEL, "--output", "no.npy", says=["odd.tif", "samples"])
    for compression in (5, 7, 8, 34712, 50001, 60000):
        tiff("odd.tif", 8, 1, grey.tobytes(), compression)
        failure("preprocess", "sound.tif", "odd.tif", "--model", MODEL, "--output", "no.npy", says=["odd.tif", "is damaged, or packed"])
    Image.open(MEDIA / "coffee.jpg").save("z.tif", compression="tiff_adobe_deflate")
    data = bytearray(pathlib.Path("z.tif").read_bytes())
    data[3000:3100] = bytes(byte ^ 0x55 for byte in data[3000:3100])
    pathlib.Path("z.tif").write_bytes(data)
    failure("preprocess", "z.tif", "--model", MODEL, "--output", "no.npy", says=["z.tif", "is damaged"])


@test
def outputs_over_inputs():
    """an output never takes the place of an input, under whatever name"""
    kept = (MEDIA / "cat.jpg").read_bytes()
    pathlib.Path("mine.jpg").write_bytes(kept)
    os.symlink("mine.jpg", "link.npy")
    os.link("mine.jpg", "hard.csv")
    effnet("preprocess", "mine.jpg", "--model", MODEL, "--output", "t.npy")
    tensor = pathlib.Path("t.npy").read_bytes()
    for words in (["preprocess", "mine.jpg", "-o", "mine.jpg"], ["preprocess", "mine.jpg", "-o", "link.npy"],
                  ["preprocess", pathlib.Path("mine.jpg").absolute().as_uri(), "-o", "mine.jpg"],
                  ["explain", "mine.jpg", "-o", "./mine.jpg"], ["embed", "mine.jpg", "-o", "hard.csv"],
                  ["run", "--input", "t.npy", "--output", "t.npy"]):
        failure(*words, "--model", MODEL, says=["is an input"])
    assert pathlib.Path("mine.jpg").read_bytes() == kept and pathlib.Path("t.npy").read_bytes() == tensor


@test
def broken_exif():
    """a damaged Exif segment is ignored, the picture is read"""
    image = Image.open(MEDIA / "cat.jpg")
    image.save("plain.jpg", quality=95)
    plain = pathlib.Path("plain.jpg").read_bytes()
    expected = preprocess("plain.jpg")
    for segment in (b"\xff\xe1\x00\x08Exif\0\0", b"\xff\xe1\x00\x0cExif\0\0MM\0*",
                    b"\xff\xe1\x00\x14Exif\0\0II*\0\xff\xff\xff\x7f\0\0\0\0",
                    b"\xff\xff\xff\xe1\x00\x08Exif\0\0"):
        pathlib.Path("odd.jpg").write_bytes(plain[:2] + segment + plain[2:])
        assert np.array_equal(preprocess("odd.jpg"), expected), segment


@test
def scaled_dct_is_close():
    """the default, scaled decoding stays near full decoding"""
    big = Image.open(MEDIA / "coffee.jpg").resize((2400, 1600), Image.Resampling.BICUBIC)
    big.save("big.jpg", quality=92)
    difference = np.abs(preprocess("big.jpg") - preprocess("big.jpg", "--full-scale"))
    assert difference.mean() < 2, difference.mean()


@test
def sparse_rows():
    """of a large raw picture only every so many rows: near Pillow, but not the same; of a small one all"""
    for size, apart in (((2400, 1600), True), ((600, 400), False)):
        image = Image.open(MEDIA / "coffee.jpg").resize(size, Image.Resampling.BICUBIC)
        image.save("a.png")
        every, sparse = preprocess("a.png"), preprocess("a.png", "--sparse-rows")
        assert np.any(every != sparse) == apart, size
        assert np.abs(sparse - pillow(image)).mean() < 1, size


@test
def resize_modes():
    """stretch and letterbox differ from the centre crop as they should"""
    stretched = preprocess(MEDIA / "coffee.jpg", "--resize-mode", "stretch", "--full-scale")
    image = Image.open(MEDIA / "coffee.jpg").resize((224, 224), Image.Resampling.BICUBIC)
    assert np.abs(stretched - np.asarray(image)).mean() < 0.5
    boxed = preprocess(MEDIA / "coffee.jpg", "--resize-mode", "letterbox", "--full-scale")
    assert np.ptp(boxed[0]) < 1 and np.ptp(boxed[112]) > 50  # a band of the mean above the picture


@test
def processors():
    """what a processor of Transformers does to sizes, against Pillow: stretched, its middle, its shorter side"""
    image = Image.open(MEDIA / "coffee.jpg").convert("RGB")
    image.save("a.png")
    os.mkdir("hf")
    os.symlink(MODEL / "model.safetensors", "hf/model.safetensors")
    pathlib.Path("hf/config.json").write_text('{"model_type": "efficientnet", "architecture": "tf_efficientnet_lite0"}')
    rest = {"resample": 2, "image_mean": [0], "image_std": [1], "include_top": False}
    for size, crop in ((224, None), ({"height": 256, "width": 192}, None), (346, 289), (260, 241),
                       ({"shortest_edge": 256}, 224), ({"shortest_edge": 257}, {"height": 239, "width": 239})):
        card = {**rest, "size": size, "do_center_crop": crop is not None, "crop_size": crop}
        pathlib.Path("hf/preprocessor_config.json").write_text(json.dumps(card))
        effnet("preprocess", "a.png", "--model", "hf", "--output", "x.npy")
        if isinstance(size, int):
            w, h = size, size
        elif "width" in size:
            w, h = size["width"], size["height"]
        else:
            short = size["shortest_edge"]
            w, h = (int(short * side / min(image.size)) for side in image.size)
        right = image.resize((w, h), Image.Resampling.BILINEAR)
        if crop is not None:
            side = crop if isinstance(crop, int) else crop["height"]
            left, top = round((w - side) / 2), round((h - side) / 2)
            right = right.crop((left, top, left + side, top + side))
        x = np.load("x.npy")[0] * 255
        assert x.shape[:2] == right.size[::-1], (size, crop, x.shape)
        assert np.abs(x - np.asarray(right).astype(float)).max() < 1.01, (size, crop)


@test
def several():
    """several inputs are one tensor, in their order, and of one that fails nothing is written"""
    names = [MEDIA / "cat.jpg", MEDIA / "coffee.jpg", MEDIA / "pan.webm"]
    effnet("preprocess", *names, "--model", MODEL, "--output", "all.npy")
    single = []
    for name in names:
        effnet("preprocess", name, "--model", MODEL, "--output", "one.npy")
        single.append(np.load("one.npy"))
    assert np.array_equal(np.load("all.npy"), np.concatenate(single))
    failure("preprocess", names[0], "none.jpg", "--model", MODEL, "--output", "some.npy", says=["none.jpg"])
    os.mkdir("nothing")
    failure("preprocess", names[0], "nothing", "--model", MODEL, "--output", "some.npy", says=["nothing: holds no picture"])
    assert not os.path.exists("some.npy")
    tool = subprocess.Popen([EXE, "preprocess", *[names[2]] * 300, "--model", MODEL, "--output", "some.npy"])
    while not list(pathlib.Path().glob("some.npy*")):
        assert tool.poll() is None
        time.sleep(0.01)
    tool.send_signal(signal.SIGTERM)
    assert tool.wait(20) == 128 + signal.SIGTERM and not list(pathlib.Path().glob("some.*"))


@test
def clip():
    """of a clip the first frame is taken"""
    x = preprocess(MEDIA / "pan.webm")
    assert x.std() > 20


@test
def failures():
    """what is no picture is one line that names the file, exit 1, and leaves no output"""
    pathlib.Path("empty.jpg").write_bytes(b"")
    pathlib.Path("text.png").write_text("no picture at all, but a text")
    pathlib.Path("cut.jpg").write_bytes((MEDIA / "cat.jpg").read_bytes()[:200])
    others = {"page.jpg": (b"<!DOCTYPE html><html>", "html"), "a.jpg": (b"%PDF-1.4\n", "PDF"),
              "b.jpg": (b"PK\3\4" + bytes(60), "zip"), "lfs.jpg": (b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
              "a.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "heif-gdk-pixbuf"),
              "a.avif": (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(200), "libavif-gdk-pixbuf"),
              "a.ico": (b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + bytes(60), "image/x-icon"),
              "a.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60), "image/jp2"),
              "a.psd": (b"8BPS\0\1" + bytes(60), "photoshop")}
    for name, (data, word) in others.items():
        pathlib.Path(name).write_bytes(data)
        done = failure("preprocess", name, "--output", "out.npy", says=[name, word])
        assert "Internal data" not in done.err, done.err
    for name in ("empty.jpg", "text.png", "cut.jpg", "none.jpg"):
        failure("preprocess", name, "--output", "out.npy", says=[name])
        assert not os.path.exists("out.npy")
    if os.getuid() != 0:
        pathlib.Path("closed.jpg").write_bytes(b"\xff\xd8\xff")
        os.chmod("closed.jpg", 0)
        failure("preprocess", "closed.jpg", "--output", "out.npy", says=["closed.jpg"])


@test
def photos():
    """every photograph of the data folder against Pillow at full scale: mean under 0.5 of 255"""
    folder = pathlib.Path(os.environ["EFFNET_TEST_DATA"]) / "photos"
    if not folder.is_dir():
        raise Skip("there is no data folder")
    from PIL import ImageOps
    bad = []
    paths = sorted(folder.glob("*.JPEG"))
    for path, pixels in zip(paths, preprocess_all(paths, "--full-scale")):
        image = ImageOps.exif_transpose(Image.open(path))
        difference = np.abs(pixels - pillow(image)).mean()
        if difference >= 0.5:
            bad.append((path.name, difference))
    assert not bad, bad


main()
