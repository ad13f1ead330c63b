# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Reading, listing and naming images, and writing files safely."""

from .download import download, file_digest
from .errors import DownloadError, ForeignFileError, ImageReadError, OutputError, StorageError
from .images import (
    FIT_MODES,
    image_to_tensor,
    read_image,
    save_png,
    tensor_to_image,
    tensor_to_images,
)
from .listing import IMAGE_SUFFIXES, find_images
from .outputs import atomic_write, ensure_writable_folder, output_names
from .ownership import check_outputs, claim_folder, claim_outputs, refuse_inputs
from .paths import cache_folder, local_path
from .projections import Projection, load_projections, save_projections
from .sources import TarMember, find_sources
from .video import save_video

__all__ = [
    'DownloadError',
    'FIT_MODES',
    'ForeignFileError',
    'IMAGE_SUFFIXES',
    'ImageReadError',
    'OutputError',
    'Projection',
    'StorageError',
    'TarMember',
    'atomic_write',
    'cache_folder',
    'check_outputs',
    'claim_folder',
    'claim_outputs',
    'download',
    'ensure_writable_folder',
    'file_digest',
    'find_images',
    'find_sources',
    'image_to_tensor',
    'load_projections',
    'local_path',
    'output_names',
    'read_image',
    'refuse_inputs',
    'save_projections',
    'save_png',
    'save_video',
    'tensor_to_image',
    'tensor_to_images',
]
