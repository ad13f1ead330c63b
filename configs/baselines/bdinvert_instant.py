# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
# The preset `instant`.
_base_ = ['./_domain.py']

model = dict(num_steps=0, keep_best=False, amp=False, detail_space='w+')
