#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_atlas.py - writes glyph_atlas.inc: each Latin-1 character as 6x6 grey values, as ONI's policy sees it.

    pip install pillow numpy; apt install fonts-hack-ttf
    python3 common/policy/encoders/oni_default/make_atlas.py > common/policy/encoders/oni_default/glyph_atlas.inc

Hack Regular (MIT and Bitstream Vera licences) at size 9, the cell of the letter A, area-averaged to 6x6.
"""
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT, SIZE, CELL = "/usr/share/fonts/truetype/hack/Hack-Regular.ttf", 9, 6


def area(a, size):
    """Area average to size x size: the weights of both axes are the overlaps of the pixels."""
    def weights(n):
        w = np.zeros((size, n))
        for i in range(size):
            for k in range(n):
                w[i, k] = max(0.0, min((i + 1) * n / size, k + 1) - max(i * n / size, k)) * size / n
        return w
    return weights(a.shape[0]) @ a @ weights(a.shape[1]).T


def main():
    font = ImageFont.truetype(FONT, SIZE)
    ascent, descent = font.getmetrics()
    width, height = round(font.getlength("A")), ascent + descent
    print("/* written by make_atlas.py: [256][36] grey values, row by row */")
    for c in range(256):
        image = Image.new("L", (width, height))
        if 32 <= c < 127 or c >= 160:
            ImageDraw.Draw(image).text((0, 0), chr(c), font=font, fill=255)
        values = np.rint(area(np.asarray(image, dtype=float), CELL)).astype(int).ravel()
        print("{" + ",".join(map(str, values)) + "},")


main()
