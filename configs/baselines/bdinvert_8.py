# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
_base_ = ['./_domain_8x8.py']
