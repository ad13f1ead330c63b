# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
methods = dict(
    encoder_only='encoder only',
    w='W, noise maps',
    w_plus='W+',
    w_plus_pnorm='W+, P-norm',
    fw_plain='F/W+, free',
    fw_detail='F/W+, detail',
    bdinvert_clip='BDInvert, clipped',
    bdinvert_8='BDInvert, base 8',
    bdinvert_16='BDInvert, base 16',
    bdinvert_pti='BDInvert, tuned',
)
reference = 'bdinvert_16'
without_geometry = ['w', 'w_plus', 'w_plus_pnorm']
free = ['fw_plain']
