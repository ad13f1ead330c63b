# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The official StyleGAN2 FFHQ generator at 1024×1024, with base codes of 512×16×16.
generator = dict(
    type='BaseDetailGenerator',
    base_size=16,
    checkpoint='https://download.openmmlab.com/mmgen/stylegan2/official_weights/'
    'stylegan2-ffhq-config-f-official_20210327_171224-bce9310c.pth',
    generator=dict(type='StyleGANv2Generator', out_size=1024, style_channels=512),
)
encoder = dict(type='BaseCodeEncoder', base_channels=512, base_size=16, widths=(128, 256, 512))
detail_encoder = dict(
    type='DetailCodeEncoder',
    num_detail=14,
    style_dim=512,
    input_size=256,
    widths=(64, 128, 256, 512, 512, 512),
    features=512,
)
statistics = dict(type='LatentStatistics', path='work_dirs/ffhq/statistics.safetensors')
face_finder = dict(type='YuNetFinder')
