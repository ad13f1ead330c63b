#!/usr/bin/env bash
# Invert with one process for each GPU: tools/dist_invert.sh CONFIG GPUS IMAGES... --out-dir DIR
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT. Without a GPU, GPUS counts processes.
# When a process dies, all are started again, up to MAX_RESTARTS (3) times; nothing is done twice.
set -euo pipefail
if [[ $# -lt 3 ]]; then
  echo "error: give CONFIG, GPUS and IMAGES: $0 CONFIG GPUS IMAGES... [OPTIONS OF invert.py]" >&2
  exit 2
fi
config=$1 gpus=$2
shift 2
exec "${PYTHON:-python}" -m torch.distributed.run \
  --nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}" --nproc_per_node "$gpus" \
  --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${PORT:-29500}" \
  --max_restarts "${MAX_RESTARTS:-3}" \
  "$(dirname "${BASH_SOURCE[0]}")/invert.py" "$config" --launcher pytorch "$@"
