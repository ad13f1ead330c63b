# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# OpenMMLab's StyleGAN1 FFHQ generator at 1024×1024, with base codes of 512×16×16.
generator = dict(
    type='BaseDetailGenerator',
    base_size=16,
    checkpoint='https://download.openmmlab.com/mmgen/styleganv1/'
    'styleganv1_ffhq_1024_g8_25Mimg_20210407_161627-850a7234.pth',
    generator=dict(type='StyleGANv1Generator', out_size=1024, style_channels=512),
)
encoder = dict(type='BaseCodeEncoder', base_channels=512, base_size=16, widths=(128, 256, 512))
statistics = dict(type='LatentStatistics', path='work_dirs/ffhq_styleganv1/statistics.safetensors')
face_finder = dict(type='YuNetFinder')
