# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['{{$BDINVERT_DOMAIN:../bdinvert_inv_toon128}}_8x8.py']

model = dict(keep_best=True)
