# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenCV: cvtColor and resize (INTER_AREA), imdecode. Ways: "full", or "reduced" (a quarter) for JPEG."""

from . import Engine

WIDTH, HEIGHT = 1920, 1080


def prepare(job):
    global cv2
    import cv2

    return {"opencv-python-headless": cv2.__version__}


def open(job, data):
    cv2.setNumThreads(1)
    found = [None]

    def small(image):
        return cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA)

    if job.variant == "JPEG":
        flag = cv2.IMREAD_REDUCED_COLOR_4 if job.precision == "reduced" else cv2.IMREAD_COLOR
        flag |= cv2.IMREAD_IGNORE_ORIENTATION
        read = lambda: cv2.cvtColor(small(cv2.imdecode(data, flag)), cv2.COLOR_BGR2RGB)  # noqa: E731
    elif job.variant == "NV12":
        rows = data.reshape(HEIGHT * 3 // 2, WIDTH)
        read = lambda: small(cv2.cvtColor(rows, cv2.COLOR_YUV2RGB_NV12))  # noqa: E731
    elif job.variant == "YUY2":
        rows = data.reshape(HEIGHT, WIDTH, 2)
        read = lambda: small(cv2.cvtColor(rows, cv2.COLOR_YUV2RGB_YUY2))  # noqa: E731
    else:
        rows = data.reshape(HEIGHT, WIDTH, 4)
        read = lambda: cv2.cvtColor(small(rows), cv2.COLOR_BGRA2RGB)  # noqa: E731

    def run():
        found[0] = read()

    return Engine([run], lambda: found[0].ravel(), f"8-bit RGB, {job.precision}, INTER_AREA"
                  + (", BT.601 whatever the frame is" if job.variant in ("NV12", "YUY2") else ""))
