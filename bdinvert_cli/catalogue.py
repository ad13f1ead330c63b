# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What ``bdinvert fetch`` knows: files of others, where they are, how large, under which licence.

Sizes and SHA-256 are those that several public sources agree on, or of files that were at hand.
What is not known is None or '', and is said to be so; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    'CATALOGUE',
    'DIRECTIONS',
    'Bundle',
    'Conversion',
    'RemoteFile',
    'known_file',
    'known_places',
]


@dataclass(frozen=True)
class RemoteFile:
    """A file on the network.

    Args:
        name (str): What configs call it, as ``fetched://<bundle>/<name>``.
        what (str): What is in it.
        place (str): Its path in the cache folder.
        licence (str): Under which it is published.
        url (str): Address of the file, or of the page with a link to it if ``by_hand``.
        size (int | None): Bytes; None if not known.
        sha256 (str): Its SHA-256, or the first digits of it; '' if not known.
        by_hand (bool): Whether people have to download it. Defaults to False.
    """

    name: str
    what: str
    place: str
    licence: str
    url: str
    size: int | None = None
    sha256: str = ''
    by_hand: bool = False


@dataclass(frozen=True)
class Conversion:
    """A file that is made from fetched ones.

    Args:
        name (str): What configs call it, as ``fetched://<bundle>/<name>``.
        source (str): Path of the file or folder in the cache folder.
        place (str): Path of the result in the cache folder.
        format (str): One of the formats of ``bdinvert convert``.
    """

    name: str
    source: str
    place: str
    format: str


@dataclass(frozen=True)
class Bundle:
    """Files that are fetched together.

    Args:
        title (str): What they are.
        files (tuple[RemoteFile, ...]): The files.
        conversions (tuple[Conversion, ...]): What is made from them. Defaults to nothing.
    """

    title: str
    files: tuple[RemoteFile, ...]
    conversions: tuple[Conversion, ...] = ()


_NVIDIA = 'NVIDIA Source Code License-NC (not for commercial use)'
_AGPL = 'AGPL-3.0 (of the repository)'
_FROM_E4E = 'AGPL-3.0 (of the repository, which has it from e4e, MIT)'
_AUTHORS = 'https://github.com/kkang831/BDInvert_Release'


def _published(path: str, size: int, sha256: str, what: str, licence: str = _AGPL) -> RemoteFile:
    """Describe a file of the authors' repository."""
    name = path.rpartition('/')[2]
    folder = 'pnorm/' if path.startswith('pnorm/') else ''
    return RemoteFile(
        name=name.partition('.')[0],
        what=what,
        place=f'ffhq-authors/{folder}{name}',
        licence=licence,
        url=f'https://raw.githubusercontent.com/kkang831/BDInvert_Release/HEAD/BDInvert/{path}',
        size=size,
        sha256=sha256,
    )


CATALOGUE = {
    'ffhq': Bundle(
        'StyleGAN2 of faces at 1024×1024, and the network of LPIPS',
        (
            RemoteFile(
                name='generator',
                what="OpenMMLab's conversion of NVIDIA's StyleGAN2, FFHQ config f",
                place='stylegan2-ffhq-config-f-official_20210327_171224-bce9310c.pth',
                licence=_NVIDIA,
                url='https://download.openmmlab.com/mmgen/stylegan2/official_weights/'
                'stylegan2-ffhq-config-f-official_20210327_171224-bce9310c.pth',
                sha256='bce9310c',
            ),
            RemoteFile(
                name='vgg16',
                what="torchvision's VGG16, trained on ImageNet",
                place='vgg16-397923af.pth',
                licence='BSD-3-Clause (torchvision; its training data may set terms of its own)',
                url='https://download.pytorch.org/models/vgg16-397923af.pth',
                size=553_433_881,
                sha256='397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0',
            ),
        ),
    ),
    'ffhq-authors': Bundle(
        "the files of BDInvert's authors for that generator, with which nothing is trained",
        (
            _published(
                'pnorm/stylegan2_ffhq1024/mean_latent.npy',
                2_176,
                'aeb6f280aaab410cfcf0ba9d8d5b3fd3d3d582d05856ed74709c240ce4c800bc',
                'P-norm+ statistics: mean',
            ),
            _published(
                'pnorm/stylegan2_ffhq1024/eigen_values.npy',
                2_176,
                '3e563e2f5b6732f60ed6d8037a5f92c5f4c8ecc44711ca903ed929cf6b57f138',
                'P-norm+ statistics: eigenvalues',
            ),
            _published(
                'pnorm/stylegan2_ffhq1024/eigen_vectors.npy',
                1_048_704,
                '68de767c0f3345383a2d68614b6814b4867ede1bd90c1c554fedec043339278a',
                'P-norm+ statistics: eigenvectors',
            ),
            _published(
                'editings/interfacegan_directions/age.pt',
                2_808,
                '50074516b1629707d89b5e43d6b8abd1792212fa3b961a87a11323d6a5222ae0',
                'direction of age',
                _FROM_E4E,
            ),
            _published(
                'editings/interfacegan_directions/pose.pt',
                37_624,
                '736e0eacc8488fa0b020a2e7bd256b957284c364191dfea693705e5d06d43e7d',
                'direction of pose',
                _FROM_E4E,
            ),
            _published(
                'editings/interfacegan_directions/smile.pt',
                2_808,
                '817a7e732b59dee9eba862bec8bd7e8373568443bc9f9731a21cf9b0356f0653',
                'direction of smile',
                _FROM_E4E,
            ),
            RemoteFile(
                name='encoder.pth',
                what='base-code encoder, base 16: the link "StyleGAN2 pretrained on FFHQ 1024, '
                '16x16", unpacked',
                place='ffhq-authors/encoder.pth',
                licence=_AGPL,
                url=_AUTHORS,
                by_hand=True,
            ),
        ),
        (
            Conversion(
                name='statistics',
                source='ffhq-authors/pnorm',
                place='ffhq-authors/statistics.safetensors',
                format='bdinvert-pnorm',
            ),
            Conversion(
                name='encoder',
                source='ffhq-authors/encoder.pth',
                place='ffhq-authors/encoder.safetensors',
                format='bdinvert-encoder',
            ),
        ),
    ),
}
# Directions that belong to a generator of the catalogue.
DIRECTIONS = {'ffhq/generator': ('ffhq-authors/age', 'ffhq-authors/pose', 'ffhq-authors/smile')}


def known_places() -> dict[str, str]:
    """List the path in the cache folder of each name, such as ``'ffhq/generator'``."""
    places = {}
    for bundle, content in CATALOGUE.items():
        parts: tuple[RemoteFile | Conversion, ...] = (*content.files, *content.conversions)
        places.update({f'{bundle}/{part.name}': part.place for part in parts})
    return places


def known_file(url: str) -> tuple[str, RemoteFile] | None:
    """Return the bundle and the entry of the file at an address, if the catalogue has it."""
    for name, bundle in CATALOGUE.items():
        for file in bundle.files:
            if file.url == url and not file.by_hand:
                return name, file
    return None
