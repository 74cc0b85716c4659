# SPDX-License-Identifier: LGPL-2.1-or-later
"""What models/fetch downloads: a row for each published model, under the name of its folder.

Lives here: where each is, and of which commit and hash where those were published. Invariant: a hash that
stands here was read in public text and is not computed from what came. Elsewhere: models/fetch, how it is
asked for; the variants themselves are the library's table.

Of timm's repositories a few commits and SHA-256 sums have been published by people who pinned them; for the
others the hub itself names the hash, which is checked, and the branch main is asked for. The names of
torchvision's files end with the first eight digits of their SHA-256.
"""

import collections

HUB = "https://huggingface.co"
TORCHVISION = "https://download.pytorch.org/models"

# place: OWNER/NAME on the hub, or the name of torchvision's file; sha256: all of it, its beginning, or "".
Row = collections.namedtuple("Row", "name place revision sha256 variant card")

# name, repository, and commit and SHA-256 of model.safetensors where they were published.
TIMM = """
b0       timm/efficientnet_b0.ra_in1k                  1b5383e5f79cc0f7fc067e372f8f26a5fa73f26a  d569899762ea9b1384ee07f4af64805cf8caa1c55f9253ebb1080dc40e87a2cd
b1       timm/efficientnet_b1.ft_in1k
b2       timm/efficientnet_b2.ra_in1k
b3       timm/efficientnet_b3.ra2_in1k                 0366a75518620e0f2077789202073759f2d61393  279d2a53898aa89dab43fd6bd7df9f706aea4cb9cf916223988bbcb8e5850469
b4       timm/efficientnet_b4.ra2_in1k                 -  8030f9c929ed71a06728db4b61323960e573b463e68f310bd1bfb31ed62cbf91
b5       timm/tf_efficientnet_b5.ns_jft_in1k
b6       timm/tf_efficientnet_b6.ns_jft_in1k
b7       timm/tf_efficientnet_b7.ns_jft_in1k
b8       timm/tf_efficientnet_b8.ra_in1k
l2       timm/tf_efficientnet_l2.ns_jft_in1k
lite0    timm/tf_efficientnet_lite0.in1k
lite1    timm/tf_efficientnet_lite1.in1k
lite2    timm/tf_efficientnet_lite2.in1k
lite3    timm/tf_efficientnet_lite3.in1k
lite4    timm/tf_efficientnet_lite4.in1k
es       timm/efficientnet_es.ra_in1k
em       timm/efficientnet_em.ra2_in1k
el       timm/efficientnet_el.ra_in1k
v2-b0    timm/tf_efficientnetv2_b0.in1k
v2-b1    timm/tf_efficientnetv2_b1.in1k
v2-b2    timm/tf_efficientnetv2_b2.in1k
v2-b3    timm/tf_efficientnetv2_b3.in21k_ft_in1k
v2-s     timm/tf_efficientnetv2_s.in21k_ft_in1k
v2-m     timm/tf_efficientnetv2_m.in21k_ft_in1k
v2-l     timm/tf_efficientnetv2_l.in21k_ft_in1k
v2-xl    timm/tf_efficientnetv2_xl.in21k_ft_in1k
v2-rw-t  timm/efficientnetv2_rw_t.ra2_in1k
v2-rw-s  timm/efficientnetv2_rw_s.ra2_in1k
v2-rw-m  timm/efficientnetv2_rw_m.agc_in1k
b0-tf    timm/tf_efficientnet_b0.in1k                  8186ca4217f9c67824ebe7566008bdc69976d15a  276dfe076f3fca30c2f7bf1e44039e395e6de50248caaa159d16530699f16995
b0-ns    timm/tf_efficientnet_b0.ns_jft_in1k
b1-ns    timm/tf_efficientnet_b1.ns_jft_in1k
b2-ns    timm/tf_efficientnet_b2.ns_jft_in1k
b3-ns    timm/tf_efficientnet_b3.ns_jft_in1k
b4-ns    timm/tf_efficientnet_b4.ns_jft_in1k
l2-475   timm/tf_efficientnet_l2.ns_jft_in1k_475
b0-ap    timm/tf_efficientnet_b0.ap_in1k
b1-ap    timm/tf_efficientnet_b1.ap_in1k
b2-ap    timm/tf_efficientnet_b2.ap_in1k
b3-ap    timm/tf_efficientnet_b3.ap_in1k
b4-ap    timm/tf_efficientnet_b4.ap_in1k
b5-ap    timm/tf_efficientnet_b5.ap_in1k
b6-ap    timm/tf_efficientnet_b6.ap_in1k
b7-ap    timm/tf_efficientnet_b7.ap_in1k
b8-ap    timm/tf_efficientnet_b8.ap_in1k
"""

# name, variant, file, and how torchvision prepares a picture: crop, resized to, interpolation, mean and std of each
# channel (ImageNet's, or one half); the batch norm's epsilon.
TORCH = """
b0-tv    b0    efficientnet_b0_rwightman-7f5810bc.pth  224 256 bicubic  imagenet 1e-5
b1-tv    b1    efficientnet_b1-c27df63c.pth            240 255 bilinear imagenet 1e-5
b2-tv    b2    efficientnet_b2_rwightman-c35c1473.pth  288 288 bicubic  imagenet 1e-5
b3-tv    b3    efficientnet_b3_rwightman-b3899882.pth  300 320 bicubic  imagenet 1e-5
b4-tv    b4    efficientnet_b4_rwightman-23ab8bcd.pth  380 384 bicubic  imagenet 1e-5
b5-tv    b5    efficientnet_b5_lukemelas-1a07897c.pth  456 456 bicubic  imagenet 1e-3
b6-tv    b6    efficientnet_b6_lukemelas-24a108a5.pth  528 528 bicubic  imagenet 1e-3
b7-tv    b7    efficientnet_b7_lukemelas-c5b4e57e.pth  600 600 bicubic  imagenet 1e-3
v2-s-tv  v2-s  efficientnet_v2_s-dd5fe13b.pth          384 384 bilinear imagenet 1e-3
v2-m-tv  v2-m  efficientnet_v2_m-dc08266a.pth          480 480 bilinear imagenet 1e-3
v2-l-tv  v2-l  efficientnet_v2_l-59c71312.pth          480 480 bicubic  half     1e-3
"""

SCALES = {"imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), "half": ([0.5] * 3, [0.5] * 3)}


def torch_card(variant, size, resized, interpolation, scale, epsilon):
    """The card that says what torchvision's own preparation does. The shorter side becomes size / crop_pct, rounded
    down; a little less than the quotient keeps it from falling one short."""
    mean, std = SCALES[scale]
    return {
        "architecture": f"efficientnet_{variant.replace('-', '_')}", "num_classes": 1000,
        "pretrained_cfg": {"input_size": [3, size, size], "interpolation": interpolation,
                           "crop_pct": size / (resized + 1e-3) if resized != size else 1.0, "crop_mode": "center",
                           "mean": mean, "std": std, "num_classes": 1000},
        "effnet": {"padding": "symmetric", "bn_epsilon": epsilon},
    }


def rows():
    """{name: Row}, in the order in which they are listed."""
    found = {}
    for line in TIMM.split("\n")[1:-1]:
        name, place, revision, sha256 = (line.split() + ["-", ""])[:4]
        found[name] = Row(name, place, "" if revision == "-" else revision, sha256, None, None)
    for line in TORCH.split("\n")[1:-1]:
        name, variant, file, size, resized, interpolation, scale, epsilon = line.split()
        card = torch_card(variant, int(size), int(resized), interpolation, scale, float(epsilon))
        found[name] = Row(name, file, "", file.rsplit("-", 1)[1].split(".")[0], variant, card)
    return found


ROWS = rows()
